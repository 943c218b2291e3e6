// `npm run demo`: the product's whole day in half a minute, against a running server (--url, --key) or one of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import type { QuoteView } from '#libs/catalogue';
import type { AccountView, BalanceView } from '#libs/ledger';
import { freePort } from '#libs/platform';
import type { ReceiptView } from '#libs/settlement';
import type { TaskView } from '#libs/tasks';
import { call, must, type Api, type Problem } from './api.js';
import { booksOf, type Books } from './books.js';
import { CUSTOMERS, WISHES, type Wish } from './scenario.js';
import { table } from './table.js';

interface Run {
  wish: Wish;
  accountId: string;
  taskId: string;
  quoted: number;
  refusal: string | null;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { url: { type: 'string' }, key: { type: 'string' } } });
  const own = values.url === undefined ? await startOwnServer() : null;
  const api: Api = own?.api ?? { url: values.url!, key: values.key ?? process.env['ROLLCREDITS_API_KEY'] ?? '' };
  try {
    return await play(api);
  } finally {
    await own?.stop();
  }
}

async function play(api: Api): Promise<number> {
  const stamp = Date.now().toString(36);
  const accounts = new Map<string, string>();
  for (const customer of CUSTOMERS) {
    const opened = await must<AccountView>(api, 'POST', '/v1/accounts', {
      id: `demo-${stamp}-${customer.plan}`,
      name: customer.name,
      plan: customer.plan,
    });
    accounts.set(customer.plan, opened.id);
    for (const grant of customer.grants) await must(api, 'POST', `/v1/accounts/${opened.id}/grants`, grant);
  }
  console.log(`Three customers have opened accounts at ${api.url}. ${WISHES.length} generations follow.\n`);

  const runs = await submitAll(api, accounts);
  await settleAll(api, runs);
  console.log(
    table(
      ['model', 'customer', 'what happened', 'status', 'quoted', 'charged', 'returned', 'paid from'],
      await Promise.all(runs.map((run) => row(api, run))),
    ),
  );

  await passTheMonth(api, [...accounts.values()]);
  const books = await Promise.all([...accounts.values()].map((id) => booksOf(api, id)));
  console.log('\nWhere every credit is:\n');
  console.log(
    table(
      ['customer', 'plan', 'granted', '= available', '+ held', '+ consumed', '+ lapsed', 'Σ movements', 'balanced'],
      books.map(bookRow),
    ),
  );
  const balanced = books.every((account) => account.balanced && account.held === 0);
  console.log(balanced ? '\nThe books balance, and nothing is held.' : '\nThe books do NOT balance.');
  return balanced ? 0 : 1;
}

async function submitAll(api: Api, accounts: Map<string, string>): Promise<Run[]> {
  const runs: Run[] = [];
  for (const wish of WISHES) {
    const accountId = accounts.get(wish.customer)!;
    const quote = await must<QuoteView>(api, 'POST', '/v1/quotes', { accountId, model: wish.model });
    const { status, body } = await call<TaskView | Problem>(api, 'POST', '/v1/tasks', {
      accountId,
      model: wish.model,
      prompt: `${wish.story}, filmed in morning light`,
      ...(wish.parameters === undefined ? {} : { parameters: wish.parameters }),
    });
    if ('code' in body) {
      if (body.taskId === undefined) throw new Error(`POST /v1/tasks answered ${status}: ${body.detail}`);
      runs.push({ wish, accountId, taskId: body.taskId, quoted: quote.credits, refusal: body.code });
      continue;
    }
    runs.push({ wish, accountId, taskId: body.id, quoted: quote.credits, refusal: null });
    if (wish.cancel === true) await cancelOnceRunning(api, body.id);
  }
  return runs;
}

async function cancelOnceRunning(api: Api, taskId: string): Promise<void> {
  await until(async () => (await must<TaskView>(api, 'GET', `/v1/tasks/${taskId}`)).status !== 'pending');
  await must(api, 'POST', `/v1/tasks/${taskId}/cancel`, {});
}

async function settleAll(api: Api, runs: Run[]): Promise<void> {
  const open = runs.filter((run) => run.refusal === null);
  const bar = new SingleBar({
    format: 'settled {bar} {value}/{total}',
    stopOnComplete: true,
    clearOnComplete: false,
    noTTYOutput: false,
    hideCursor: true,
  });
  bar.start(open.length, 0);
  const over = (task: TaskView): boolean =>
    task.settlement !== 'open' && (task.status !== 'timed_out' || task.assets.length > 0 || !isLate(runs, task.id));
  await until(async () => {
    const tasks = await Promise.all(open.map((run) => must<TaskView>(api, 'GET', `/v1/tasks/${run.taskId}`)));
    const settled = tasks.filter(over).length;
    bar.update(settled);
    return settled === open.length;
  });
  bar.stop();
  console.log();
}

/** A late result comes after the refund; the demo waits for it. */
function isLate(runs: Run[], taskId: string): boolean {
  const parameters = runs.find((run) => run.taskId === taskId)?.wish.parameters as { simulate?: { outcome?: string } } | undefined;
  return parameters?.simulate?.outcome === 'late';
}

async function row(api: Api, run: Run): Promise<string[]> {
  const task = await must<TaskView>(api, 'GET', `/v1/tasks/${run.taskId}`);
  if (run.refusal !== null)
    return [run.wish.model, run.wish.customer, run.wish.story, `${task.status}: ${run.refusal}`, String(run.quoted), '0', '0', '–'];
  const receipt = await must<ReceiptView>(api, 'GET', `/v1/tasks/${run.taskId}/receipt`);
  const held = receipt.lines.find((line) => line.what === 'held');
  const from = Object.entries(held?.buckets ?? {}).map(([bucket, credits]) => `${bucket} ${String(credits)}`);
  const late = task.assets.some((asset) => asset.late) ? ' + late asset' : '';
  return [
    run.wish.model,
    run.wish.customer,
    run.wish.story,
    task.status + late,
    String(run.quoted),
    String(receipt.charged),
    String(task.credits.refunded),
    from.join(', '),
  ];
}

/** By the test clock, where the server has one. */
async function passTheMonth(api: Api, accounts: string[]): Promise<void> {
  const balances = await Promise.all(accounts.map((id) => must<BalanceView>(api, 'GET', `/v1/accounts/${id}/balance`)));
  const boundary = balances
    .map((balance) => balance.nextReset.at)
    .sort()
    .at(-1)!;
  const moved = await call<Problem | { now: string }>(api, 'POST', '/v1/test-clock', { now: boundary });
  if (moved.status === 404) {
    console.log('\nThe server runs without TEST_CLOCK=1: the month’s reset is left out.');
    return;
  }
  if (moved.status !== 200) throw new Error(`POST /v1/test-clock answered ${moved.status}: ${JSON.stringify(moved.body)}`);
  console.log(`\nA month passed (the test clock stands at ${boundary}): unused subscription credits lapsed, the new allowance came.`);
}

function bookRow(books: Books): string[] {
  const numbers = [books.granted, books.available, books.held, books.consumed, books.lapsed, books.movements];
  return [books.account, books.plan, ...numbers.map(String), books.balanced ? 'yes' : 'NO'];
}

async function until(condition: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startOwnServer(): Promise<{ api: Api; stop: () => Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-demo-'));
  // Root's PostgreSQL runs as another user, who has to be able to enter.
  chmodSync(dataDir, 0o711);
  const key = `rc_${randomBytes(24).toString('hex')}`;
  const port = await freePort();
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'apps', 'standalone', 'src', 'main.js')], {
    env: { ...process.env, PORT: String(port), DATA_DIR: dataDir, ADMIN_API_KEY: key, TEST_CLOCK: '1', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const api = { url: `http://127.0.0.1:${port}`, key };
  console.log('Starting a server of its own …');
  await until(async () => {
    if (child.exitCode !== null) throw new Error('the server did not start');
    return fetch(new URL('/readyz', api.url)).then(
      (response) => response.status === 200,
      () => false,
    );
  });
  return { api, stop: () => stop(child, dataDir) };
}

async function stop(child: ChildProcess, dataDir: string): Promise<void> {
  if (child.exitCode === null) {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  rmSync(dataDir, { recursive: true, force: true });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
