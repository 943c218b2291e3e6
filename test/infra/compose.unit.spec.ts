import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { exists, infra, judge, mains, settingNames, text, yaml } from './infra-files.js';

const FILES = readdirSync(infra()).filter((file) => /^compose(\..+)?\.yaml$/.test(file));
const sources = new Map(FILES.map((file) => [file, text('infra', file)]));
const base = yaml(sources.get('compose.yaml')!);
const problems = judge('compose-spec.schema.json');
const example = new Map(
  text('infra', '.env.example')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => line.split('=', 2) as [string, string]),
);

/** Names of other people's programs, by what they begin with. */
const THIRD_PARTY: Record<string, RegExp> = {
  postgres: /^POSTGRES_/,
  kafka: /^KAFKA_/,
  grafana: /^GF_/,
  kurrentdb: /^KURRENTDB_/,
  'example-worker': /^(WORKER|KAFKA)_/,
};

interface Service {
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  healthcheck?: { test: string[] };
  profiles?: string[];
  [more: string]: unknown;
}

const services = (file: string): Array<[string, Service]> => Object.entries(yaml(sources.get(file)!).services as Record<string, Service>);
const isRole = (service: Service): boolean => service.command?.[0] === 'node';

describe.each(FILES)('infra/%s', (file) => {
  it('is what the Compose Specification allows', () => {
    expect(problems(yaml(sources.get(file)!))).toEqual([]);
  });

  it('pins every image and starts mains that exist', () => {
    for (const [name, service] of services(file)) {
      if (service.image !== undefined && !service.image.startsWith('rollcredits:'))
        expect([name, service.image]).toEqual([name, expect.stringMatching(/^[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/)]);
      if (isRole(service)) expect([name, mains().has(service.command![1]!)]).toEqual([name, true]);
    }
  });

  it('sets only what is a setting, or belongs to the program of another', () => {
    const unknown = services(file).flatMap(([name, service]) =>
      Object.keys(service.environment ?? {}).filter((key) => !(THIRD_PARTY[name]?.test(key) ?? settingNames().has(key))),
    );
    expect(unknown).toEqual([]);
  });

  it('takes from the environment only what .env.example explains, and no secret stands in it', () => {
    const asked = new Set([...sources.get(file)!.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name!));
    expect([...asked].filter((name) => !example.has(name))).toEqual([]);
    for (const name of ['POSTGRES_PASSWORD', 'DEPLOYMENT_SECRET', 'LEDGER_SIGNING_KEY', 'ADMIN_API_KEY'])
      expect(example.get(name)).toBe('');
  });

  it('mounts only what is there', () => {
    const mounts = services(file).flatMap(([, service]) => service.volumes ?? []);
    const paths = mounts.filter((mount) => mount.startsWith('./')).map((mount) => mount.split(':')[0]!.slice(2));
    expect(paths.filter((path) => !exists('infra', path))).toEqual([]);
    const named = mounts.filter((mount) => !mount.startsWith('.')).map((mount) => mount.split(':')[0]!);
    const volumes = Object.keys((yaml(sources.get(file)!).volumes as object | undefined) ?? {});
    expect(named.filter((volume) => !volumes.includes(volume))).toEqual([]);
  });
});

describe('the composed deployment', () => {
  const all = Object.entries(base.services as Record<string, Service>);

  it('runs every role that has a process of its own, api and orchestrator twice', () => {
    const roles = [...mains()].map((main) => /apps\/([a-z-]+)\//.exec(main)![1]!).filter((app) => !['standalone', 'cli'].includes(app));
    expect(roles.filter((role) => base.services[role] === undefined)).toEqual([]);
    expect([base.services.api.deploy.replicas, base.services.orchestrator.deploy.replicas]).toEqual([2, 2]);
  });

  it('gives no role anything to write but assets, any right of the kernel, or less time to end than it may take', () => {
    for (const [name, service] of all.filter(([, one]) => isRole(one))) {
      const { read_only, cap_drop, security_opt, stop_grace_period } = service;
      expect({ name, read_only, cap_drop, security_opt }).toEqual({
        name,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      expect([name, service.volumes ?? []]).toEqual([name, { api: ['assets:/assets:ro'], orchestrator: ['assets:/assets'] }[name] ?? []]);
      const drainMs = Number(service.environment?.['DRAIN_TIMEOUT_MS'] ?? '10000');
      expect(Number.parseInt(String(stop_grace_period), 10) * 1000).toBeGreaterThan(drainMs);
    }
  });

  it('starts a role only when its database answers, and waits for Kafka only where there is one', () => {
    for (const [name, service] of all.filter(([, one]) => isRole(one))) {
      const needs = service['depends_on'] as Record<string, { condition: string; required?: boolean }>;
      if (service.environment?.['DATABASE_URL'] !== undefined)
        expect([name, needs['postgres']?.condition]).toEqual([name, 'service_healthy']);
      for (const [other, { required }] of Object.entries(needs)) {
        const optional = (base.services[other] as Service).profiles !== undefined && service.profiles === undefined;
        if (optional) expect([name, other, required]).toEqual([name, other, false]);
      }
    }
    const healthless = all.filter(([, service]) => !isRole(service) && service.healthcheck === undefined).map(([name]) => name);
    expect(healthless).toEqual([]);
  });

  it('publishes nothing beyond this machine, and the port between processes not at all', () => {
    const ports = all.flatMap(([, service]) => (service['ports'] as string[] | undefined) ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(ports.filter((port) => port.includes(String(base.services.api.environment.INTERNAL_PORT)))).toEqual([]);
  });

  it('scrapes each role at the port where its figures are', () => {
    const { scrape_configs: jobs, rule_files: rules } = yaml(text('infra', 'prometheus', 'prometheus.yml'));
    const ports: Record<string, number> = { api: 3000, projector: 3001, orchestrator: 3002, relay: 3003 };
    for (const job of jobs) {
      const [{ names, port }] = job.dns_sd_configs;
      expect(base.services[names[0]]).toBeDefined();
      expect({ job: job.job_name, port }).toEqual({ job: `rollcredits-${names[0]}`, port: ports[names[0]] });
    }
    expect(rules.filter((file: string) => !exists('infra', 'prometheus', file))).toEqual([]);
  });
});
