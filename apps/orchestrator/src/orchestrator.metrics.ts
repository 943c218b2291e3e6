// 5 react · the orchestrator's figures at /metrics.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface OrchestratorMetrics {
  calls: Counter<'provider' | 'call' | 'answer'>;
  unknownSubmissions: Counter<'provider'>;
  unrecognisedStatuses: Counter<'provider'>;
  settlements: Counter<'ending'>;
  duesBooked: Counter;
  troubles: Counter<'part'>;
  lagMs: Gauge;
}

export interface OrchestratorFigures {
  activeTasks: () => number;
  waitingTasks: () => number;
  partitions: () => number;
  overdue: () => Promise<{ tasks: number; accounts: number }>;
}

const PREFIX = 'rollcredits_orchestrator_';

export function orchestratorMetrics(registry: Registry, figures: OrchestratorFigures): OrchestratorMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('active_tasks', 'Tasks that this process has in memory.', figures.activeTasks);
  gauge('waiting_tasks', 'Of these, tasks in line for a submission.', figures.waitingTasks);
  gauge('partitions', 'Partitions that this process owns; over all processes there are 16.', figures.partitions);
  new Gauge({
    name: `${PREFIX}overdue`,
    help: 'Tasks past their deadline that are not settled, and accounts whose dues are not booked, for over a second.',
    labelNames: ['what'],
    registers,
    async collect() {
      try {
        const { tasks, accounts } = await figures.overdue();
        this.set({ what: 'tasks' }, tasks);
        this.set({ what: 'accounts' }, accounts);
      } catch {
        this.reset();
      }
    },
  });
  return {
    calls: new Counter({
      name: 'rollcredits_provider_calls_total',
      help: 'Calls to providers by what they answered.',
      labelNames: ['provider', 'call', 'answer'],
      registers,
    }),
    unknownSubmissions: new Counter({
      name: 'rollcredits_provider_submissions_unknown_total',
      help: 'Submissions of which it is not known whether they arrived.',
      labelNames: ['provider'],
      registers,
    }),
    unrecognisedStatuses: new Counter({
      name: 'rollcredits_provider_statuses_unrecognised_total',
      help: 'Reports with a status that the adapter does not know, or that say what cannot be: credits stay held until somebody looks or the deadline decides.',
      labelNames: ['provider'],
      registers,
    }),
    settlements: new Counter({
      name: `${PREFIX}settlements_total`,
      help: 'Reservations that this process ended, by what happened to the credits.',
      labelNames: ['ending'],
      registers,
    }),
    duesBooked: new Counter({ name: `${PREFIX}dues_booked_total`, help: 'Lapses and boundaries booked.', registers }),
    troubles: new Counter({
      name: `${PREFIX}troubles_total`,
      help: 'Failures of our own parts that are tried again.',
      labelNames: ['part'],
      registers,
    }),
    lagMs: new Gauge({ name: `${PREFIX}lag_ms`, help: 'Age of the newest fact when it was taken up; 0 at the log end.', registers }),
  };
}
