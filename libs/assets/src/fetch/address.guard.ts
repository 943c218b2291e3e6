// Decides which addresses assets may be copied from: public ones and those that the configuration lists. Asked for every address before it is connected to.
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Not public although their ranges are: where Azure answers for its machines, and IPv6 forms that carry an IPv4 address in them, which a gateway
 * on the way would unwrap.
 */
const NEVER = ['168.63.129.16/32', '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32'];

export class AddressGuard {
  readonly #hosts = new Set<string>();
  readonly #networks: Network[] = [];
  readonly #never = NEVER.map(networkOf);

  /** Of ASSETS_ALLOW_HOSTS: host names, addresses, networks; in lower case. */
  constructor(allowed: readonly string[]) {
    for (const place of allowed) {
      if (ipaddr.isValid(place.split('/')[0] as string)) this.#networks.push(networkOf(place));
      else this.#hosts.add(place);
    }
  }

  /** Such a host may be anywhere. */
  listsHost(hostname: string): boolean {
    return this.#hosts.has(hostname.toLowerCase().replace(/\.$/, ''));
  }

  /** An IPv6 address may stand in brackets. */
  allows(text: string): boolean {
    const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
    if (!ipaddr.isValid(bare)) return false;
    // An IPv4 address in the guise of IPv6 (::ffff:10.0.0.1) is judged as what it is.
    const address = ipaddr.process(bare);
    if (this.#networks.some((network) => isIn(address, network))) return true;
    return address.range() === 'unicast' && !this.#never.some((network) => isIn(address, network));
  }
}

type Network = [Address, number];

function networkOf(place: string): Network {
  const [text = '', bits] = place.split('/');
  const address = ipaddr.parse(text);
  const width = address.kind() === 'ipv4' ? 32 : 128;
  return [address, bits === undefined ? width : Number(bits)];
}

function isIn(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}
