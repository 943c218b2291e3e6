// Three tiers share one runner: *.unit.spec.ts beside the code, *.int.spec.ts on a real PostgreSQL, *.e2e.spec.ts on real processes.
export default {
  testEnvironment: 'node',
  // A guard against a test that hangs, never an assertion on speed: a busy machine may take ten times as long as a quiet one.
  testTimeout: 240_000,
  // Most suites wait for PostgreSQL, Kafka or processes of their own rather than compute.
  maxWorkers: '100%',
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^#libs/(.*)$': '<rootDir>/libs/$1/src/index.ts',
    '^#apps/(.*)$': '<rootDir>/apps/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transformIgnorePatterns: ['/node_modules/(?!(cookie|content-disposition)/)'],
  transform: {
    '^.+\\.ts$': '@swc/jest',
    // light-my-request and @fastify/static (CommonJS) require packages that are ESM only, and Jest has require(esm) only from Node 24.9 on.
    '/node_modules/(cookie|content-disposition)/.+\\.js$': [
      '@swc/jest',
      { swcrc: false, module: { type: 'commonjs' }, jsc: { target: 'es2022' } },
    ],
  },
};
