import { describe, expect, it } from '@jest/globals';
import { AddressGuard } from './address.guard.js';

describe('which addresses assets may be copied from', () => {
  const open = new AddressGuard([]);

  it.each(['8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '[2606:4700:4700::1111]', '::ffff:8.8.8.8', '172.32.0.1', '192.169.0.1'])(
    '%s is public',
    (address) => expect(open.allows(address)).toBe(true),
  );

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['loopback', '::1'],
    ['loopback in brackets', '[::1]'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['link-local and metadata', '169.254.169.254'],
    ['link-local', 'fe80::1'],
    ['link-local with its zone', 'fe80::1%eth0'],
    ['unique local and metadata', 'fd00:ec2::254'],
    ['metadata of Alibaba', '100.100.100.200'],
    ['metadata of Azure', '168.63.129.16'],
    ['this host', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['nobody', '::'],
    ['multicast', '224.0.0.1'],
    ['multicast', 'ff02::1'],
    ['broadcast', '255.255.255.255'],
    ['reserved', '240.0.0.1'],
    ['documentation', '192.0.2.1'],
    ['documentation', '2001:db8::1'],
    ['benchmarks', '198.18.0.1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped loopback in hexadecimals', '[::ffff:7f00:1]'],
    ['mapped metadata', '::ffff:a9fe:a9fe'],
    ['IPv4-compatible loopback', '::7f00:1'],
    ['translated loopback', '64:ff9b::7f00:1'],
    ['locally translated', '64:ff9b:1::a00:1'],
    ['6to4 of a private network', '2002:a00:1::1'],
    ['Teredo', '2001:0:a00:1::1'],
    ['no address', 'localhost'],
    ['nothing', ''],
  ])('%s is not: %s', (_, address) => expect(open.allows(address)).toBe(false));

  it('lets through what is listed, and only that', () => {
    const guard = new AddressGuard(['minio.internal', '10.1.0.0/16', '127.0.0.1', 'fd00::/8']);
    for (const address of ['10.1.2.3', '127.0.0.1', '::ffff:127.0.0.1', 'fd12::1', '8.8.8.8']) expect(guard.allows(address)).toBe(true);
    for (const address of ['10.2.0.1', '127.0.0.2', 'fc00::1', '::1']) expect(guard.allows(address)).toBe(false);
    expect(guard.listsHost('MinIO.internal')).toBe(true);
    expect(guard.listsHost('minio.internal.')).toBe(true);
    expect(guard.listsHost('other.minio.internal')).toBe(false);
    expect(guard.listsHost('minio.internal.evil.example')).toBe(false);
  });
});
