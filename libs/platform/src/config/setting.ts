// Declares one environment variable: what it means, what is allowed, what holds without it; env.dto.ts uses it, the parser and the documentation read it.
import { applyDecorators } from '@nestjs/common';
import {
  IsIn,
  IsInt,
  Matches,
  Max,
  Min,
  Validate,
  ValidatorConstraint,
  type ValidationArguments,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { isIP } from 'node:net';

export interface Setting {
  name: string;
  /** One or two sentences for docs/configuration.md. */
  meaning: string;
  /** Completes "NAME must be …". */
  allowed: string;
  /** The text that stands for an absent variable; null: absent has a meaning of its own, told in `meaning`. */
  fallback: string | null;
  /** A secret's value appears in no message. */
  secret: boolean;
  /** From the variable's text to what the validators judge; anything unreadable may pass through as it is. */
  read: (text: string) => unknown;
}

interface SettingKind {
  allowed: string;
  read: (text: string) => unknown;
  validators: PropertyDecorator[];
}

const declared: Setting[] = [];

/** In the order of their declaration. */
export function settings(): readonly Setting[] {
  return declared;
}

export function Env(meaning: string, kind: SettingKind, options: { fallback?: string; secret?: boolean } = {}): PropertyDecorator {
  return (target, property) => {
    declared.push({
      name: String(property),
      meaning,
      allowed: kind.allowed,
      fallback: options.fallback ?? null,
      secret: options.secret ?? false,
      read: kind.read,
    });
    (applyDecorators(...kind.validators) as PropertyDecorator)(target, property);
  };
}

export function integer(min: number, max: number): SettingKind {
  return {
    allowed: `a whole number from ${min.toLocaleString('en-US')} to ${max.toLocaleString('en-US')}`,
    read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : text),
    validators: [IsInt(), Min(min), Max(max)],
  };
}

@ValidatorConstraint({ name: 'isRetention' })
class IsRetention implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return value === -1 || (typeof value === 'number' && value >= 60_000);
  }
}

export function retention(): SettingKind {
  return {
    allowed: '`-1` or a whole number of milliseconds from 60,000 to 9,999,999,999,999',
    read: (text) => (/^(-1|\d{1,13})$/.test(text) ? Number(text) : text),
    validators: [IsInt(), Validate(IsRetention)],
  };
}

export function oneOf(...values: string[]): SettingKind {
  return { allowed: `one of ${values.map((value) => `\`${value}\``).join(', ')}`, read: (text) => text, validators: [IsIn(values)] };
}

export function flag(): SettingKind {
  return {
    allowed: '`1` or `0` (`true` and `false` serve too)',
    read: (text) => ({ '1': true, true: true, '0': false, false: false })[text.toLowerCase()] ?? text,
    validators: [IsIn([true, false])],
  };
}

export function matching(pattern: RegExp, allowed: string): SettingKind {
  return { allowed, read: (text) => text, validators: [Matches(pattern)] };
}

@ValidatorConstraint({ name: 'isPermutation' })
class IsPermutation implements ValidatorConstraintInterface {
  validate(value: unknown, args?: ValidationArguments): boolean {
    const wanted = (args?.constraints ?? []) as string[];
    return Array.isArray(value) && value.length === wanted.length && wanted.every((word) => value.includes(word));
  }
}

export function orderOf(...values: string[]): SettingKind {
  return {
    allowed: `each of ${values.map((value) => `\`${value}\``).join(', ')} once, separated by commas`,
    read: (text) => text.split(',').map((word) => word.trim()),
    validators: [Validate(IsPermutation, values)],
  };
}

@ValidatorConstraint({ name: 'isPostgresUrl' })
class IsPostgresUrl implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (typeof value !== 'string' || !URL.canParse(value)) return false;
    const url = new URL(value);
    return ['postgres:', 'postgresql:'].includes(url.protocol) && url.pathname.length > 1;
  }
}

export function postgresUrl(): SettingKind {
  return { allowed: '`postgres://user:password@host:port/database`', read: (text) => text, validators: [Validate(IsPostgresUrl)] };
}

/** What the client understands; it only warns of anything else, and shows the whole URL with it. */
const EVENTSTOREDB_OPTIONS = new Set(
  [
    'connectionName',
    'defaultDeadline',
    'discoveryInterval',
    'gossipTimeout',
    'keepAliveInterval',
    'keepAliveTimeout',
    'maxDiscoverAttempts',
    'nodePreference',
    'tls',
    'tlsCAFile',
    'userCertFile',
    'userKeyFile',
  ].map((name) => name.toLowerCase()),
);
const EVENTSTOREDB_URL =
  /^esdb(?:\+discover)?:\/\/(?:[^\s:@/]+:[^\s@/]+@)?[A-Za-z0-9._-]+(?::[0-9]{1,5})?(?:,[A-Za-z0-9._-]+(?::[0-9]{1,5})?)*\/?(?:\?([^\s?]+))?$/;

@ValidatorConstraint({ name: 'isEventStoreDbUrl' })
class IsEventStoreDbUrl implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    const parts = typeof value === 'string' ? EVENTSTOREDB_URL.exec(value) : null;
    if (parts === null) return false;
    return (parts[1] ?? '').split('&').every((option) => {
      const [name = '', text = ''] = option.split('=');
      if (option === '') return true;
      // What was just written must be readable, which only the leader promises.
      if (name.toLowerCase() === 'nodepreference') return text.toLowerCase() === 'leader';
      return EVENTSTOREDB_OPTIONS.has(name.toLowerCase()) && text !== '';
    });
  }
}

export function eventStoreDbUrl(): SettingKind {
  return {
    allowed:
      '`esdb://user:password@host:port?tls=true` or `esdb+discover://…`, with options that the client knows and no `nodePreference` but `leader`',
    read: (text) => text,
    validators: [Validate(IsEventStoreDbUrl)],
  };
}

const BROKER_PATTERN = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})$/;

@ValidatorConstraint({ name: 'isBrokers' })
class IsBrokers implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (!Array.isArray(value) || value.length === 0) return false;
    return value.every((broker: string) => {
      const port = Number(BROKER_PATTERN.exec(broker)?.[1] ?? 0);
      return port >= 1 && port <= 65_535;
    });
  }
}

export function brokers(): SettingKind {
  return {
    allowed: '`host:port`, several separated by commas',
    read: (text) => text.split(',').map((broker) => broker.trim()),
    validators: [Validate(IsBrokers)],
  };
}

const LIMIT_PATTERN = /^([a-z0-9][a-z0-9_.-]{0,63})=([1-9][0-9]{0,8})$/;

@ValidatorConstraint({ name: 'isLimits' })
class IsLimits implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  }
}

/** A number for each of several names; the same name twice is refused. */
export function limits(): SettingKind {
  return {
    allowed: '`name=number`, several separated by commas, each name once and each number from 1 to 999,999,999',
    read: (text) => {
      const found = text.split(',').map((word) => LIMIT_PATTERN.exec(word.trim()));
      const entries = found.map((match) => [match?.[1] ?? '', Number(match?.[2])] as const);
      const isFine = found.every((match) => match !== null) && new Set(entries.map(([name]) => name)).size === entries.length;
      return isFine ? Object.fromEntries(entries) : text;
    },
    validators: [Validate(IsLimits)],
  };
}

@ValidatorConstraint({ name: 'isHttpUrl' })
class IsHttpUrl implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (typeof value !== 'string' || !URL.canParse(value)) return false;
    const { protocol, username, password, search, hash } = new URL(value);
    return ['http:', 'https:'].includes(protocol) && username + password + search + hash === '' && !/[?#]$/.test(value);
  }
}

/** Without the slashes at its end. */
export function httpUrl(): SettingKind {
  return {
    allowed: '`http://host:port` or `https://host:port`, perhaps with a path',
    read: (text) => text.replace(/\/+$/, ''),
    validators: [Validate(IsHttpUrl)],
  };
}

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/;

@ValidatorConstraint({ name: 'isPlaces' })
class IsPlaces implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return Array.isArray(value) && value.length > 0 && value.every((place) => typeof place === 'string' && isPlace(place));
  }
}

function isPlace(place: string): boolean {
  const [address = '', bits, more] = place.split('/');
  const family = isIP(address);
  if (bits === undefined) return family !== 0 || (HOST_NAME.test(address) && !/(^|\.)[0-9]+$/.test(address));
  return more === undefined && family !== 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Hosts, addresses and networks, in lower case. */
export function places(): SettingKind {
  return {
    allowed: 'host names, IP addresses (IPv6 without brackets) or networks in CIDR notation, several separated by commas',
    read: (text) => text.split(',').map((place) => place.trim().toLowerCase()),
    validators: [Validate(IsPlaces)],
  };
}
