import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { infra, judge, mains, settingNames, text, yaml } from './infra-files.js';

const chart = infra('helm', 'rollcredits');
const values = yaml(text('infra', 'helm', 'rollcredits', 'values.yaml'));
const validateValues = new Ajv({ allErrors: true, strict: false }).compile(
  JSON.parse(text('infra', 'helm', 'rollcredits', 'values.schema.json')),
);
const KUBERNETES = '1.34.0';
const helm = spawnSync('helm', ['version', '--short'], { encoding: 'utf8' }).status === 0;
const rendered = helm ? it : it.skip;
const unless = helm ? '' : ' (skipped: there is no helm here)';

/** What the chart cannot do without. */
const DATABASE = ['--set', 'database.secret.name=rollcredits-database', '--set', 'ledgerSigningKey.secret.name=rollcredits-ledger'];
const EVERYTHING = [
  ...DATABASE,
  ...['--set', 'deploymentSecret.secret.name=rollcredits-secret', '--set', 'adminApiKey.secret.name=rollcredits-admin'],
  ...['--set', 'kafka.brokers=kafka-0:9092\\,kafka-1:9092', '--set', 'kafka.tls=true', '--set', 'kafka.saslMechanism=scram-sha-512'],
  ...['--set', 'eventStoreDb.secret.name=rollcredits-log'],
  ...['--set', 'kafka.secret.name=rollcredits-kafka', '--set', 'ingress.enabled=true', '--set', 'ingress.host=credits.example'],
  ...['--set', 'ingress.tlsSecret=tls', '--set', 'metrics.serviceMonitor.enabled=true', '--set', 'config.GRACE_DAYS=14'],
  ...['--set', 'drainTimeoutMs=45000', '--set', 'networkPolicy.apiFrom[0].namespaceSelector.matchLabels.name=edge'],
  ...['--set', 'networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring'],
];
/** Small: one process of each role, nothing scales. */
const SMALLEST = [
  ...DATABASE,
  ...['api', 'projector', 'orchestrator'].flatMap((role) => ['--set', `roles.${role}.replicas=1`]),
  ...['--set', 'roles.api.autoscaling.enabled=false', '--set', 'roles.orchestrator.autoscaling.enabled=false'],
];

function run(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('helm', args, { encoding: 'utf8' });
  return { status, output: status === 0 ? stdout : stderr };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- manifests are asserted member by member
type Manifest = any;

function render(settings: string[]): Manifest[] {
  const { status, output } = run('template', 'credits', chart, '--kube-version', KUBERNETES, ...settings);
  if (status !== 0) throw new Error(output);
  return parseAllDocuments(output)
    .map((document) => document.toJS())
    .filter((manifest) => manifest !== null);
}

const ofKind = (manifests: Manifest[], kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
const container = (deployment: Manifest): Manifest => deployment.spec.template.spec.containers[0];

describe('the values of the chart', () => {
  it('are what their schema allows, once the secrets of the database and of the ledger are named', () => {
    expect(validateValues(values)).toBe(false);
    expect(validateValues.errors!.map((error) => error.instancePath)).toEqual(['/database/secret/name', '/ledgerSigningKey/secret/name']);
    const ledgerSigningKey = { secret: { name: 'ledger', key: 'LEDGER_SIGNING_KEY' } };
    expect(validateValues({ ...values, database: { secret: { name: 'database', key: 'DATABASE_URL' } }, ledgerSigningKey })).toBe(true);
  });

  it('cannot be mistyped, carry a secret in the open, or set twice what the chart sets itself', () => {
    const database = { secret: { name: 'database', key: 'DATABASE_URL' } };
    const wrong = [
      { replicaCount: 3 },
      { config: { DATABASE_URL: 'postgres://user:password@host/database' } },
      { config: { 'lapsed-refund': 'grace' } },
      { kafka: { ...values.kafka, brokers: 'kafka' } },
      { roles: { ...values.roles, api: { ...values.roles.api, replicas: 0 } } },
    ];
    expect(wrong.filter((more) => validateValues({ ...values, database, ...more }))).toEqual([]);
  });

  it('ask for no setting that does not exist', () => {
    const templates = text('infra', 'helm', 'rollcredits', 'templates', '_helpers.tpl');
    const names = [...templates.matchAll(/^- name: ([A-Z_]+)$/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(8);
    expect(names.filter((name) => !settingNames().has(name))).toEqual([]);
    const commented = [...text('infra', 'helm', 'rollcredits', 'values.yaml').matchAll(/^# {2}([A-Z_]+):/gm)].map(([, name]) => name!);
    expect(commented.filter((name) => !settingNames().has(name))).toEqual([]);
  });
});

describe(`the rendered chart${unless}`, () => {
  rendered('has nothing that helm finds fault with', () => {
    for (const settings of [DATABASE, EVERYTHING, SMALLEST]) {
      const { status, output } = run('lint', chart, '--strict', '--kube-version', KUBERNETES, ...settings);
      expect([output, status]).toEqual([expect.stringContaining('0 chart(s) failed'), 0]);
    }
  });

  rendered('is made of objects as Kubernetes defines them, with no field that it does not know', () => {
    const kinds = (JSON.parse(text('test', 'infra', 'schemas', 'kubernetes-1.34.schema.json')) as { kinds: Record<string, string> }).kinds;
    const wrong = judge('kubernetes-1.34.schema.json');
    const seen = new Set<string>();
    for (const manifest of [DATABASE, EVERYTHING, SMALLEST].flatMap(render)) {
      const kind = `${manifest.apiVersion}/${manifest.kind}`;
      if (kind === 'monitoring.coreos.com/v1/ServiceMonitor') continue;
      seen.add(kind);
      expect([kind, manifest.metadata.name, wrong(manifest, `#/$defs/${kinds[kind] ?? kind}`)]).toEqual([kind, manifest.metadata.name, []]);
    }
    expect(seen).toContain('apps/v1/Deployment');
    expect(wrong({ ...render(DATABASE)[0], mistyped: 1 }, `#/$defs/${kinds['apps/v1/Deployment']!}`)).not.toEqual([]);
  });

  rendered('runs a main that exists in a container that can write nothing and has no right, and lets it end', () => {
    const deployments = ofKind(render(EVERYTHING), 'Deployment');
    expect(deployments.map((one) => one.metadata.labels['app.kubernetes.io/component']).sort()).toEqual([
      'api',
      'orchestrator',
      'projector',
      'relay',
    ]);
    for (const deployment of deployments) {
      const { spec } = deployment.spec.template;
      expect(mains()).toContain(container(deployment).command[1]);
      expect(container(deployment).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } });
      expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
        45_000 + 1000 * container(deployment).lifecycle.preStop.sleep.seconds,
      );
    }
  });

  rendered('copies assets only to where every process finds them', () => {
    const api = (...settings: string[]): Manifest => ofKind(render([...DATABASE, ...settings]), 'Deployment')[0];
    const seen = (deployment: Manifest): unknown => ({
      keep: container(deployment).env.find((one: Manifest) => one.name === 'ASSETS_KEEP')?.value,
      volume: deployment.spec.template.spec.volumes[0],
      from: container(deployment).envFrom,
    });
    expect(container(api()).volumeMounts).toEqual([{ name: 'assets', mountPath: '/assets' }]);
    expect(seen(api())).toEqual({ keep: 'none', volume: { name: 'assets', emptyDir: {} } });
    expect(seen(api('--set', 'assets.existingClaim=media'))).toEqual({
      volume: { name: 'assets', persistentVolumeClaim: { claimName: 'media' } },
    });
    expect(seen(api('--set', 'config.ASSETS_S3_BUCKET=media', '--set', 'assets.secret.name=bucket'))).toEqual({
      volume: { name: 'assets', emptyDir: {} },
      from: [{ secretRef: { name: 'bucket' } }],
    });
  });

  rendered('asks each process for its life and its readiness at the port where it answers', () => {
    for (const deployment of ofKind(render(EVERYTHING), 'Deployment')) {
      const { ports, env, livenessProbe, readinessProbe, startupProbe } = container(deployment);
      const role = deployment.metadata.labels['app.kubernetes.io/component'];
      const setting = role === 'api' ? 'PORT' : `${role.toUpperCase()}_PORT`;
      const http = ports.find((port: Manifest) => port.name === 'http').containerPort;
      expect(env.find((one: Manifest) => one.name === setting).value).toBe(String(http));
      for (const probe of [livenessProbe, startupProbe]) expect(probe.httpGet).toEqual({ path: '/healthz', port: 'http' });
      expect(readinessProbe.httpGet.path).toMatch(/^\/readyz\?parts=/);
      expect(env.filter((one: Manifest) => !settingNames().has(one.name))).toEqual([]);
      const names = env.map((one: Manifest) => one.name);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  rendered('keeps every secret a reference', () => {
    const secret = [
      'DATABASE_URL',
      'EVENTSTOREDB_URL',
      'DEPLOYMENT_SECRET',
      'LEDGER_SIGNING_KEY',
      'ADMIN_API_KEY',
      'KAFKA_USERNAME',
      'KAFKA_PASSWORD',
    ];
    for (const deployment of ofKind(render(EVERYTHING), 'Deployment')) {
      const found = container(deployment).env.filter((one: Manifest) => secret.includes(one.name));
      expect(found.map((one: Manifest) => [one.name, one.value, one.valueFrom.secretKeyRef.name])).toEqual(
        found.map((one: Manifest) => [one.name, undefined, expect.stringMatching(/^rollcredits-/)]),
      );
      expect(found.length).toBe(secret.length);
    }
  });

  rendered('lets only our own pods reach the port between processes', () => {
    const deployments = ofKind(render(EVERYTHING), 'Deployment');
    const policies = ofKind(render(EVERYTHING), 'NetworkPolicy');
    expect(policies.length).toBe(deployments.length);
    for (const policy of policies) {
      const internal = policy.spec.ingress.filter((rule: Manifest) => rule.ports.some((port: Manifest) => port.port === 3100));
      expect(internal).toEqual([
        {
          from: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'rollcredits', 'app.kubernetes.io/instance': 'credits' } } }],
          ports: [{ port: 3100 }],
        },
      ]);
      expect(deployments.some((one) => one.metadata.name === policy.metadata.name)).toBe(true);
      const open = policy.spec.ingress.filter((rule: Manifest) => rule.from === undefined);
      expect(open).toEqual([]);
    }
    const api = policies.find((policy) => policy.metadata.name === 'credits-api')!;
    expect(api.spec.ingress[1].from.length).toBe(2);
  });

  rendered('keeps enough processes through a drain of nodes, and scales api and orchestrator by their work', () => {
    const everything = render(EVERYTHING);
    expect(
      ofKind(everything, 'PodDisruptionBudget')
        .map((one) => one.metadata.name)
        .sort(),
    ).toEqual(['credits-api', 'credits-orchestrator', 'credits-projector', 'credits-relay']);
    const scalers = ofKind(everything, 'HorizontalPodAutoscaler');
    expect(scalers.map((one) => one.spec.scaleTargetRef.name).sort()).toEqual(['credits-api', 'credits-orchestrator']);
    for (const deployment of ofKind(everything, 'Deployment')) {
      // A number of its own would undo what the autoscaler did, at every upgrade.
      const scaled = scalers.some((one) => one.spec.scaleTargetRef.name === deployment.metadata.name);
      expect([deployment.metadata.name, deployment.spec.replicas === undefined]).toEqual([deployment.metadata.name, scaled]);
    }
    // A budget over a single process would forbid every drain.
    expect(ofKind(render(SMALLEST), 'PodDisruptionBudget')).toEqual([]);
  });

  rendered('runs a relay only where there is a Kafka, and says what is missing otherwise', () => {
    expect(ofKind(render(DATABASE), 'Deployment').length).toBe(3);
    expect(run('template', 'credits', chart, '--kube-version', KUBERNETES).output).toContain('/database/secret/name');
    const nameless = ['--set', 'kafka.brokers=k:9092', '--set', 'kafka.saslMechanism=plain'];
    expect(run('template', 'credits', chart, '--kube-version', KUBERNETES, ...DATABASE, ...nameless).output).toContain(
      'kafka.secret.name is needed',
    );
  });

  rendered('has its services and its monitor find the pods', () => {
    const everything = render(EVERYTHING);
    const labels = ofKind(everything, 'Deployment').map((one) => one.spec.template.metadata.labels);
    const matches = (selector: Record<string, string>, of: Record<string, string>): boolean =>
      Object.entries(selector).every(([name, value]) => of[name] === value);
    const services = ofKind(everything, 'Service');
    expect(services.map((service) => labels.filter((one) => matches(service.spec.selector, one)).length)).toEqual([1, 4]);
    const [monitor] = ofKind(everything, 'ServiceMonitor');
    const watched = services.filter((service) => matches(monitor.spec.selector.matchLabels, service.metadata.labels));
    expect(watched.map((service) => service.metadata.name)).toEqual(['credits-metrics']);
    expect(watched[0].spec.ports[0].name).toBe(monitor.spec.endpoints[0].port);
  });
});
