import { readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DockerfileParser, type JSONInstruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { exists, mains, root, settingNames, text } from './infra-files.js';

const source = text('infra', 'docker', 'Dockerfile');
const dockerfile = DockerfileParser.parse(source);
const instructions = dockerfile.getInstructions();
const manifest = JSON.parse(text('package.json')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

/** What .dockerignore lets through, by its own rule: everything is out but what a line begins with `!` brings back. */
const sent = text('.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

describe('the image', () => {
  it('is written as a linter of Dockerfiles wants it', () => {
    expect(validate(source).map(({ message, range }) => `${range.start.line + 1}: ${JSON.stringify(message)}`)).toEqual([]);
  });

  it('copies only what exists and what .dockerignore lets through', () => {
    const copied = dockerfile
      .getCOPYs()
      .filter((copy) => !copy.getFlags().some((flag) => flag.getName() === 'from'))
      .flatMap((copy) => copy.getArguments().slice(0, -1))
      .map((argument) => argument.getValue());
    expect(copied.length).toBeGreaterThan(8);
    expect(copied.filter((path) => !exists(path))).toEqual([]);
    expect(copied.filter((path) => !sent.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)))).toEqual([]);
  });

  it('is given every folder that the compiler is told to read', () => {
    const { include } = JSON.parse(text('tsconfig.json')) as { include: string[] };
    const build = source.slice(source.indexOf('AS build'), source.indexOf('AS dependencies'));
    expect(include.filter((folder) => !build.includes(`COPY ${folder} ${folder}\n`))).toEqual([]);
  });

  it('runs as a user that is not root, by number, on a pinned base', () => {
    expect(instructions.filter((one) => one.getKeyword() === 'USER').map((one) => one.getArgumentsContent())).toEqual(['1000:1000']);
    const base = /^ARG NODE_IMAGE=node:(\d+)\.(\d+)\.(\d+)-[a-z-]+$/m.exec(source)!;
    const [major, minor] = [Number(base[1]), Number(base[2])];
    expect(major > 20 || (major === 20 && minor >= 19)).toBe(true);
    expect(dockerfile.getFROMs().every((from) => from.getImage() === '${NODE_IMAGE}')).toBe(true);
  });

  it('starts a main that exists, without a shell between it and the signal', () => {
    const commands = instructions.filter((one) => one.getKeyword() === 'CMD') as JSONInstruction[];
    const last = commands.at(-1)!;
    expect(last.getOpeningBracket()).not.toBeNull();
    const [program, main] = JSON.parse(last.getArgumentsContent()!) as string[];
    expect(program).toBe('node');
    expect(mains()).toContain(main);
  });

  it('sets only what is a setting, or Node.js knows', () => {
    const names = dockerfile.getENVs().flatMap((env) => env.getProperties().map((property) => property.getName()));
    expect(names.filter((name) => !settingNames().has(name))).toEqual(['NODE_ENV']);
  });

  it('asks in its health check for the port of every role that has one', () => {
    const check = text('infra', 'docker', 'healthcheck.js');
    const ports = [...check.matchAll(/process\.env\.([A-Z_]+)/g)].map(([, name]) => name!);
    expect(ports.filter((name) => !settingNames().has(name))).toEqual([]);
    const wanted = [...settingNames()].filter((name) => /(^|_)PORT$/.test(name) && name !== 'INTERNAL_PORT');
    expect(new Set(ports)).toEqual(new Set(wanted));
  });

  it('carries every package that the product imports', () => {
    const packages = new Set(['apps', 'libs'].flatMap((folder) => filesOf(folder)).flatMap((file) => packagesOf(text(file))));
    const missing = [...packages].filter((name) => manifest.dependencies[name] === undefined);
    expect(packages.size).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });
});

/** The sources that run in the container: no specs, and nothing that only specs use. */
function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !/\.(spec|contract)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((file) => !/\/(testing|test)\//.test(file));
}

function packagesOf(code: string): string[] {
  return [...code.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from '([^'.#][^']*)'|^import '([^'.#][^']*)'/gm)]
    .map((match) => (match[1] ?? match[2])!)
    .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}
