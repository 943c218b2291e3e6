// What went wrong at a start, in one sentence for the person who started it: no stack, no query, no secret; run-process.ts prints it.
import { StartupError } from '../startup-error.js';

interface CodedError extends Error {
  code?: string;
  address?: string;
  port?: number;
  syscall?: string;
  errors?: unknown[];
}

export function startupSentence(error: unknown): string {
  if (error instanceof StartupError) return error.message;
  if (!(error instanceof Error)) return 'it failed for an unknown reason';
  const coded = firstOf(error);
  const where = coded.address === undefined ? '' : ` ${coded.address}${coded.port === undefined ? '' : `:${coded.port}`}`;
  switch (coded.code) {
    case 'EADDRINUSE':
      return `the address${where} is in use by another program: set PORT to another port, or stop that program`;
    case 'EADDRNOTAVAIL':
      return `this machine does not have the address${where}: correct HOST`;
    case 'EACCES':
      return coded.syscall === 'listen'
        ? `this user may not listen on${where}: set PORT to 1024 or more`
        : `permission denied: ${oneLine(coded.message)}`;
    case 'ENOSPC':
      return 'the disk is full';
    case 'ECONNREFUSED':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ECONNRESET':
      return `PostgreSQL${where} cannot be reached (${coded.code}): start it, or correct DATABASE_URL`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host of DATABASE_URL is not known (${coded.code}): correct DATABASE_URL, or HOST`;
    case '28P01':
    case '28000':
      return 'PostgreSQL refused the user or the password of DATABASE_URL';
    case '3D000':
      return 'the database that DATABASE_URL names does not exist: create it first';
    case '42501':
      return `the user of DATABASE_URL lacks a right that is needed: ${oneLine(coded.message)}`;
    case '53100':
      return 'the disk of PostgreSQL is full';
    case '53300':
      return 'PostgreSQL has no connection left: raise its max_connections, or lower POOL_SIZE';
    default:
      return `it failed: ${oneLine(coded.message)}`;
  }
}

/** A host with several addresses fails with one error for each. */
function firstOf(error: CodedError): CodedError {
  const first = error.errors?.[0];
  return error.code === undefined && first instanceof Error ? first : error;
}

/** The first line; URLs lose what stands before the `@`. */
function oneLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/:\/\/[^@\s/]+@/g, '://[redacted]@');
}
