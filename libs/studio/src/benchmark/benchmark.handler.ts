// 1 → 2 · sets benchmarks; the same one again changes nothing.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { invariant, isRefusal } from '#libs/kernel';
import { tenantStream, type WriteResult } from '#libs/event-store';
import { SetBenchmark } from '../studio.messages.js';
import { BENCHMARK_WRITES } from '../studio.tokens.js';
import type { BenchmarkView } from '../studio.views.js';
import type { StudioWrites } from '../studio.writes.js';
import { ofTheTenant } from '../visibility.js';
import { benchmarkView, checkBenchmark, decideSetBenchmark, type BenchmarkState } from './benchmark.state.js';

@CommandHandler(SetBenchmark)
export class SetBenchmarkHandler implements ICommandHandler<SetBenchmark> {
  constructor(@Inject(BENCHMARK_WRITES) private readonly writes: StudioWrites<BenchmarkState>) {}

  async execute({ context, name, input }: SetBenchmark): Promise<WriteResult<BenchmarkView>> {
    if (context.accounts !== null) return { ok: false, ...ofTheTenant() };
    // What can be no name is no stream either.
    const checked = checkBenchmark(name, input);
    if (isRefusal(checked)) return { ok: false, ...checked };
    return this.writes.run<BenchmarkView>(context, {
      stream: tenantStream('benchmark', context.tenant, name),
      decide: (state, at) => decideSetBenchmark(state, name, input, at),
      render: ({ state: { set }, position }) => {
        invariant(set !== null, () => `benchmark ${name} was set and is not there`);
        return Promise.resolve(benchmarkView(set, position));
      },
    });
  }
}
