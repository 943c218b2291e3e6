// Asks the role that this container runs whether it lives; the image's HEALTHCHECK calls it. `node healthcheck.js [role]`: without a role, that of process 1.
import { readFileSync } from 'node:fs';

const PORTS = {
  standalone: process.env.PORT || '3000',
  api: process.env.PORT || '3000',
  projector: process.env.PROJECTOR_PORT || '3001',
  orchestrator: process.env.ORCHESTRATOR_PORT || '3002',
  relay: process.env.RELAY_PORT || '3003',
};

const role = process.argv[2] ?? /apps\/([a-z-]+)\/src\/main\.js/.exec(readFileSync('/proc/1/cmdline', 'utf8'))?.[1] ?? '';
const port = PORTS[role];
if (port === undefined) {
  process.stderr.write(`no role with a health port runs here: ${JSON.stringify(role)}\n`);
  process.exit(1);
}
try {
  // Whether it lives, not whether it is ready: a restart heals neither a database that is away nor a read model that stopped.
  const { status } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(4000) });
  if (status !== 200) process.stderr.write(`/healthz answered ${status}\n`);
  process.exitCode = status === 200 ? 0 : 1;
} catch (error) {
  process.stderr.write(`/healthz does not answer: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
