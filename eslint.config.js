// Strict and typed; zero warnings is the bar (`npm run check`). A rule that is off says why.
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', '.data/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: 'error',
      // Modules and message classes of Nest are classes by the framework's own convention, often without members.
      '@typescript-eslint/no-extraneous-class': 'off',
      // Numbers and booleans read well in a template, and every message here is for people.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNullish: false }],
      // A query's result that nobody needs is a statement; `void` in an arrow is how listeners are written.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Nest declares its option bags as classes and expects plain objects for them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Port implementations are async by contract, whether this one awaits or not.
      '@typescript-eslint/require-await': 'off',
      // `noUncheckedIndexedAccess` makes the compiler ask; an assertion after a length check is the honest answer.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts'],
    rules: {
      // Jest's matchers and partial fixtures are loosely typed by nature.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // What these print is their purpose.
    files: ['apps/cli/**/*.ts', 'apps/standalone/src/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts', 'tools/**', 'test/support/*.js'],
    rules: { 'no-console': 'off' },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], ...tseslint.configs.disableTypeChecked },
  prettier,
);
