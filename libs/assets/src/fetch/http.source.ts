// Opens what a URL leads to, over http or https, to addresses that the guard lets through only; follows redirects, each judged anew.
import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { AddressGuard } from './address.guard.js';
import { NotKept } from './not-kept.js';

/** The part of `dns.lookup` that is used here. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface HttpWay {
  guard: AddressGuard;
  /** Default: as this machine resolves names. */
  resolve?: Resolve;
}

const REDIRECTS_MAX = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const GONE = new Set([404, 410]);
/** The vendor may think otherwise in a moment. */
const PASSING = new Set([408, 425, 429]);

/** Answers the body with its headers, status 200. Throws a NotKept, which names no more of a URL than its host: the rest may hold what opens the asset. */
export async function openHttp(sourceUrl: string, way: HttpWay, signal: AbortSignal): Promise<IncomingMessage> {
  let url = parsed(sourceUrl);
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const answer = await ask(url, way, signal);
    const status = answer.statusCode ?? 0;
    if (status === 200) return plain(answer, url);
    answer.on('error', () => undefined).destroy();
    const { location } = answer.headers;
    if (!REDIRECTS.has(status) || location === undefined) throw refusal(status, url);
    url = parsed(location, url);
  }
  throw new NotKept('too_many_redirects', `${url.host} was reached after more than ${REDIRECTS_MAX} redirects`);
}

function parsed(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new NotKept('url_invalid', 'the URL is not one of http or https');
  if (url.username !== '' || url.password !== '') throw new NotKept('url_invalid', 'the URL carries a user name or a password');
  return url;
}

function ask(url: URL, { guard, resolve: resolver = lookup }: HttpWay, signal: AbortSignal): Promise<IncomingMessage> {
  const isListed = guard.listsHost(url.hostname);
  const forbidden = (): NotKept =>
    new NotKept('address_forbidden', `${url.host} is at no public address, and ASSETS_ALLOW_HOSTS does not list it`);
  const isAllowed = (address: string): boolean => isListed || guard.allows(address);
  // Node asks no resolver for an address, so that one is judged here.
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0 && !isAllowed(url.hostname)) return Promise.reject(forbidden());
  return new Promise((resolve, reject) => {
    const begin = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = { 'User-Agent': 'rollcredits', Accept: '*/*', 'Accept-Encoding': 'identity' };
    const request = begin(url, { agent: false, headers, signal, lookup: judgedLookup(resolver, isAllowed, forbidden) }, resolve);
    request.on('error', (error) => {
      if (error instanceof NotKept) reject(error);
      else
        reject(
          new NotKept('source_unavailable', `${url.host} could not be reached: ${(error as NodeJS.ErrnoException).code ?? error.message}`),
        );
    });
    request.end();
  });
}

/** The connection goes to an address of this very answer, so that a name cannot lead elsewhere between the question and the connection. */
function judgedLookup(resolver: Resolve, isAllowed: (address: string) => boolean, forbidden: () => NotKept): LookupFunction {
  return (hostname, options, callback) => {
    resolver(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, '', 0);
      const allowed = addresses.filter(({ address }) => isAllowed(address));
      const first = allowed[0];
      if (first === undefined) return callback(forbidden(), '', 0);
      if (options.all === true) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

function plain(answer: IncomingMessage, url: URL): IncomingMessage {
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return answer;
  answer.on('error', () => undefined).destroy();
  throw new NotKept('source_refused', `${url.host} answers with an encoding that was not asked for`);
}

function refusal(status: number, url: URL): NotKept {
  const detail = `${url.host} answered with status ${status}`;
  if (GONE.has(status)) return new NotKept('source_gone', detail);
  if (status >= 500 || PASSING.has(status)) return new NotKept('source_unavailable', detail);
  return new NotKept('source_refused', detail);
}
