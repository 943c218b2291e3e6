// The fences of the house: each rule says what it keeps out, and why.
const DOMAIN = '^libs/(kernel|ledger|catalogue|tasks|settlement|studio)/src';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles-between-files',
      severity: 'error',
      comment: 'A cycle of modules makes the order of loading part of the meaning; ESM answers with a ReferenceError at start.',
      from: { pathNot: '/index\\.ts$' },
      to: { circular: true, viaOnly: { pathNot: ['/index\\.ts$'] } },
    },
    {
      name: 'kernel-imports-nothing-of-ours',
      severity: 'error',
      comment: 'The kernel holds the words that everyone shares: whatever it imported, everyone would depend on.',
      from: { path: '^libs/kernel/src' },
      to: { path: '^(libs/(?!kernel)|apps/)' },
    },
    {
      name: 'domain-is-pure',
      severity: 'error',
      comment:
        'Rules that never meet a framework can be tested without one and outlive it. Nest may appear in modules, handlers and messages only.',
      from: { path: DOMAIN, pathNot: '(\\.(module|handler|messages)\\.ts$|\\.spec\\.ts$|/testing/)' },
      to: { path: 'node_modules/(@nestjs|fastify|class-validator|class-transformer|rxjs)/' },
    },
    {
      name: 'driver-stays-in-its-file',
      severity: 'error',
      comment: 'Only files that say postgres in their name speak to PostgreSQL, so that a reader knows where the SQL is.',
      from: { path: DOMAIN, pathNot: '(\\.postgres\\.ts$|\\.spec\\.ts$|/testing/)' },
      to: { path: 'node_modules/pg/' },
    },
    {
      name: 'domain-never-reads-a-projection',
      severity: 'error',
      comment: 'A decision is made on the stream itself; a read model may lag, and a lagging read model must never decide over money.',
      from: { path: DOMAIN },
      to: { path: '^libs/projections' },
    },
    {
      name: 'libs-know-no-app',
      severity: 'error',
      comment: 'Apps are processes, libs are meaning: meaning does not depend on where it runs.',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'a-lib-is-entered-by-its-index',
      severity: 'error',
      comment: "Another lib's insides may change without asking.",
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/(?!$1/)[^/]+/src/(?!index\\.ts$)' },
    },
    {
      name: 'an-app-enters-libs-by-their-index',
      severity: 'error',
      comment: 'As above, for processes.',
      from: { path: '^apps/' },
      to: { path: '^libs/[^/]+/src/(?!index\\.ts$)' },
    },
    {
      name: 'only-standalone-composes-apps',
      severity: 'error',
      comment: 'Each role runs alone; only the process that is all of them knows the others.',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/(standalone|cli)/' },
      to: { path: '^apps/(?!$1/)' },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'A file that nobody imports is either dead or misplaced.',
      from: { orphan: true, pathNot: '(^apps/cli/bin/|\\.spec\\.ts$|/main\\.ts$|/index\\.ts$|^test/|^bench/|^demo/|\\.d\\.ts$)' },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.depcruise.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
