// The one table of the commands that decide on an account: whose account it is, and what of the command travels to its owner.
import type { Command } from '@nestjs/cqrs';
import { BookDue, ChangePlan, GrantCredits, OpenAccount, ResetCycle, ResumeAccount, RevokeGrant, SuspendAccount } from '#libs/ledger';
import type { RequestContext } from '#libs/event-store';
import {
  AcceptLateResult,
  CancelTask,
  RefundTask,
  SettleEnding,
  SettleTask,
  SubmitTask,
  SubmitTaskBatch,
  type TaskInput,
} from '#libs/settlement';

/** Answers the account of a task; null where there is no such task. */
export type AccountOfTask = (tenant: string, taskId: string) => Promise<string | null>;

/** Whose account a command decides on; null where there is none, or not one alone: it is decided where it is. */
type AccountOf<C> = (command: C, accountOfTask: AccountOfTask) => string | null | Promise<string | null>;

export interface RoutableCommand {
  /** On the wire. */
  name: string;
  tenantOf: (command: object) => string;
  accountOf: AccountOf<object>;
  /** Null for a command that no request caused: those may be decided any number of times, the account's own record is their guard. */
  contextOf: (command: object) => RequestContext | null;
  /** The same with another context. */
  withContext: (command: object, context: RequestContext) => Command<unknown>;
  /** What its constructor takes, by name: plain JSON. */
  fieldsOf: (command: object) => Record<string, unknown>;
  make: (fields: Record<string, unknown>) => Command<unknown>;
}

type CommandClass = new (...fields: never[]) => Command<unknown>;

const table = new Map<unknown, RoutableCommand>();
const byName = new Map<string, RoutableCommand>();

/** `fields`: the constructor's parameters in order, which are the command's properties. */
function routable<Class extends CommandClass>(
  type: Class,
  fields: ReadonlyArray<keyof InstanceType<Class> & string>,
  accountOf: AccountOf<InstanceType<Class>>,
): void {
  const make = (values: Record<string, unknown>): Command<unknown> => new type(...(fields.map((field) => values[field]) as never[]));
  const fieldsOf = (command: object): Record<string, unknown> =>
    Object.fromEntries(fields.map((field) => [field, (command as Record<string, unknown>)[field]]));
  const hasContext = (fields as readonly string[]).includes('context');
  const contextOf = (command: object): RequestContext | null => (hasContext ? (command as { context: RequestContext }).context : null);
  const entry: RoutableCommand = {
    name: type.name,
    tenantOf: (command) => contextOf(command)?.tenant ?? (command as { tenant: string }).tenant,
    accountOf: accountOf as unknown as AccountOf<object>,
    contextOf,
    withContext: (command, context) => make({ ...fieldsOf(command), context }),
    fieldsOf,
    make,
  };
  table.set(type, entry);
  byName.set(type.name, entry);
}

const ofAccount = ({ accountId }: { accountId: string }): string => accountId;
const ofTask = ({ context, taskId }: { context: RequestContext; taskId: string }, find: AccountOfTask): Promise<string | null> =>
  find(context.tenant, taskId);

routable(SubmitTask, ['context', 'input'], ({ input }) => input.accountId);
routable(SubmitTaskBatch, ['context', 'input'], ({ input }) => oneAccountOf(input.tasks));
// Without an id of its own an account is named after the command: nobody else can be at it.
routable(OpenAccount, ['context', 'input'], ({ input }) => input.id ?? null);
routable(GrantCredits, ['context', 'accountId', 'input'], ofAccount);
routable(RevokeGrant, ['context', 'accountId', 'grantId', 'input'], ofAccount);
routable(ChangePlan, ['context', 'accountId', 'input'], ofAccount);
routable(ResetCycle, ['context', 'accountId', 'input'], ofAccount);
routable(SuspendAccount, ['context', 'accountId', 'input'], ofAccount);
routable(ResumeAccount, ['context', 'accountId', 'input'], ofAccount);
routable(CancelTask, ['context', 'taskId', 'input'], ofTask);
routable(RefundTask, ['context', 'taskId', 'input'], ofTask);
routable(AcceptLateResult, ['context', 'taskId'], ofTask);
routable(BookDue, ['tenant', 'accountId'], ofAccount);
routable(SettleTask, ['tenant', 'taskId', 'causationId'], ({ tenant, taskId }, find) => find(tenant, taskId));
routable(SettleEnding, ['tenant', 'task', 'cause'], ({ task }) => task.accountId);

/** A batch over several accounts has no one owner; its entries are decided one by one where it arrived, conflicts being their guard. */
function oneAccountOf(tasks: readonly TaskInput[]): string | null {
  const accountId = tasks[0]?.accountId ?? null;
  return tasks.every((task) => task.accountId === accountId) ? accountId : null;
}

/** Undefined for a command that decides on no account. */
export function routableOf(command: object): RoutableCommand | undefined {
  return table.get(command.constructor);
}

export function routableNamed(name: string): RoutableCommand | undefined {
  return byName.get(name);
}
