// What users would write or pick instead: the servers that the product is measured against, in a process of their own.
//
// They take the product's own DTO through the stock ValidationPipe, which judges our decorators as fast as class-validator's own; and they
// write no log line, no request id, no metric and no security header, all of which the product is measured with.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Inject, Module, NotFoundException, Param, Post, ValidationPipe } from '@nestjs/common';
import { HttpException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { CreateTaskDto } from '#apps/api';

const POOL = Symbol('Pool');
const CREDITS = 70;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS bench_accounts (id text PRIMARY KEY, available bigint NOT NULL CHECK (available >= 0), held bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS bench_holds (id uuid PRIMARY KEY, account_id text NOT NULL, credits bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS bench_tasks (id uuid PRIMARY KEY, account_id text NOT NULL, model text NOT NULL, prompt text, status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
`;

const ONE_STATEMENT = `
  WITH paid AS (UPDATE bench_accounts SET available = available - $3, held = held + $3 WHERE id = $2 AND available >= $3 RETURNING available),
       hold AS (INSERT INTO bench_holds (id, account_id, credits) SELECT $1::uuid, $2, $3 FROM paid)
  INSERT INTO bench_tasks (id, account_id, model, prompt, status) SELECT $1::uuid, $2, $4, $5, 'pending' FROM paid RETURNING id`;

@Controller()
class BaselineController {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  /** Does nothing but validate. */
  @Post('bare')
  @HttpCode(202)
  bare(@Body() body: CreateTaskDto): object {
    return { id: 'task_1', accountId: body.accountId, status: 'pending' };
  }

  /** One transaction a request: a balance update with a check, two inserts. */
  @Post('hand')
  @HttpCode(202)
  async hand(@Body() body: CreateTaskDto): Promise<object> {
    const id = randomUUID();
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const paid = await client.query({
        name: 'pay',
        text: 'UPDATE bench_accounts SET available = available - $2, held = held + $2 WHERE id = $1 AND available >= $2',
        values: [body.accountId, CREDITS],
      });
      if (paid.rowCount !== 1) {
        await client.query('ROLLBACK');
        throw new HttpException('insufficient credits', 402);
      }
      await client.query({
        name: 'hold',
        text: 'INSERT INTO bench_holds (id, account_id, credits) VALUES ($1, $2, $3)',
        values: [id, body.accountId, CREDITS],
      });
      await client.query({
        name: 'task',
        text: "INSERT INTO bench_tasks (id, account_id, model, prompt, status) VALUES ($1, $2, $3, $4, 'pending')",
        values: [id, body.accountId, body.model, body.prompt],
      });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    return { id: `task_${id}`, accountId: body.accountId, status: 'pending' };
  }

  /** Its best form: one prepared statement. */
  @Post('cte')
  @HttpCode(202)
  async cte(@Body() body: CreateTaskDto): Promise<object> {
    const id = randomUUID();
    const { rowCount } = await this.pool.query({
      name: 'cte',
      text: ONE_STATEMENT,
      values: [id, body.accountId, CREDITS, body.model, body.prompt],
    });
    if (rowCount !== 1) throw new HttpException('insufficient credits', 402);
    return { id: `task_${id}`, accountId: body.accountId, status: 'pending' };
  }

  /** One indexed, prepared select. */
  @Get('select/:id')
  async select(@Param('id') id: string): Promise<object> {
    const { rows } = await this.pool.query<{ available: string; held: string }>({
      name: 'balance',
      text: 'SELECT available, held FROM bench_accounts WHERE id = $1',
      values: [id],
    });
    if (rows[0] === undefined) throw new NotFoundException();
    return { accountId: id, available: Number(rows[0].available), held: Number(rows[0].held) };
  }
}

async function main(): Promise<void> {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 20 });
  await pool.query(SCHEMA);
  await pool.query(
    `INSERT INTO bench_accounts SELECT 'bench-' || n, 1000000000000, 0 FROM generate_series(0, 999) n ON CONFLICT DO NOTHING`,
  );

  @Module({ controllers: [BaselineController], providers: [{ provide: POOL, useValue: pool }] })
  class BaselineModule {}

  const app = await NestFactory.create<NestFastifyApplication>(BaselineModule, new FastifyAdapter(), { logger: false });
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
  await app.listen(Number(process.env['PORT']), '127.0.0.1');
  process.once('SIGTERM', () => void app.close().then(() => pool.end()));
  console.log('listening');
}

await main();
