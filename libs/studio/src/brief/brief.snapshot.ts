// 3 append · how a brief's state is kept between its facts: attempts that were refused and given back make a stream that only grows.
import type { JsonValue } from '#libs/kernel';
import type { SnapshotCodec } from '#libs/event-store';
import { noBrief, type BriefState } from './brief.state.js';

/** Raise it whenever the members below change their meaning: snapshots of another version are ignored. */
const VERSION = 1;

type Kept = Omit<BriefState, 'attempts'> & { attempts: Array<[string, string]> };

export const briefSnapshot: SnapshotCodec<BriefState> = {
  version: VERSION,
  encode: (state) => ({ ...state, attempts: [...state.attempts] }),
  decode(json: JsonValue) {
    const { attempts, ...kept } = json as unknown as Kept;
    return { ...noBrief(), ...kept, attempts: new Map(attempts) };
  },
  weight: (state) => state.attempts.size,
};
