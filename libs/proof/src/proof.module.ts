// Hands a process the log's proofs: the tables to all, LedgerProofs to the roles that sign, which are the API and the projector.
import { Global, Module } from '@nestjs/common';
import type pg from 'pg';
import type { Clock } from '#libs/kernel';
import type { EventStore } from '#libs/event-store';
import { CLOCK, CONFIG, EVENT_STORE, PG_POOL, StartupError, type Config } from '#libs/platform';
import { HeadSigner } from './checkpoint.js';
import { LedgerProofs } from './ledger-proofs.js';
import { ProofTables } from './proof-tables.postgres.js';
import { signingKey } from './signing-key.js';

/** Needs PG_POOL from a global module; gives ProofTables. */
@Global()
@Module({
  providers: [{ provide: ProofTables, inject: [PG_POOL], useFactory: (pool: pg.Pool) => new ProofTables(pool) }],
  exports: [ProofTables],
})
export class ProofModule {}

/** For the roles that sign: needs CONFIG, CLOCK, EVENT_STORE and ProofTables from global modules; gives LedgerProofs. */
@Global()
@Module({
  providers: [
    {
      provide: LedgerProofs,
      inject: [ProofTables, EVENT_STORE, CLOCK, CONFIG],
      useFactory: async (tables: ProofTables, store: EventStore, clock: Clock, config: Config) =>
        new LedgerProofs({ tables, store, clock, signer: await headSigner(tables, config) }),
    },
  ],
  exports: [LedgerProofs],
})
export class SignedProofsModule {}

/** Throws a StartupError where another key signs this deployment's heads: two keys would tell two histories. */
export async function headSigner(tables: ProofTables, config: Config): Promise<HeadSigner> {
  const origin = config.ledgerOrigin ?? `rollcredits.local/${await tables.deploymentId()}`;
  const signer = new HeadSigner(origin, signingKey(config));
  const inForce = await tables.claimKey(origin, signer.verifier.publicKey);
  if (inForce.origin !== origin) {
    throw new StartupError(`the heads of this ledger are signed as ${inForce.origin}: LEDGER_ORIGIN must not change`);
  }
  if (!inForce.publicKey.equals(signer.verifier.publicKey)) {
    throw new StartupError(
      'the heads of this ledger are signed with another key: give every process the same LEDGER_SIGNING_KEY or LEDGER_SIGNING_KEY_FILE (the first one to start made or read it)',
    );
  }
  return signer;
}
