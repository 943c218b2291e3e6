// 2 decide · every fact of a brief's stream: what a clip is wanted for, the prompt that it is ready with, and the attempts that were made on it.
import type { ErasableRef, Fact, Iso } from '#libs/kernel';
import type { Gate } from '../clip/gates.js';

export const LEVELS = ['low', 'high'] as const;
export type Level = (typeof LEVELS)[number];

export type BriefFact =
  | Fact<
      'BriefCreated',
      {
        briefId: string;
        /** Whose tasks the brief is for, and under whose key its texts are; null: any account's, under the tenant's own key. */
        accountId: string | null;
        channel: string;
        format: string;
        /** Exact decimal string. */
        durationSeconds: string;
        goal: ErasableRef;
        /** A list of texts; null where it is empty. */
        mustInclude: ErasableRef | null;
        mustAvoid: ErasableRef | null;
        riskLevel: Level;
        consistencyRequirement: Level;
        campaign: string | null;
        paid: boolean;
        sensitiveCategories: string[];
        /** How many attempts may be made on it; null: no bound. */
        attemptBudget: number | null;
        gates: Gate[];
        /** Whether its clips enter `review_pending` by themselves. */
        autoReview: boolean;
        decidedAt: Iso;
      }
    >
  /** It names a prompt version that renders; may be said again with another one. `revision`: of the brief, after this fact. */
  | Fact<
      'BriefReadied',
      {
        briefId: string;
        /** As in BriefCreated, so that the texts can be opened without it. */
        accountId: string | null;
        promptId: string;
        promptVersion: number;
        /** The defaults of its tasks' variables; null where there are none. */
        variables: ErasableRef | null;
        revision: number;
        decidedAt: Iso;
      }
    >
  /** A task took one of the budget's attempts, before it was submitted; only where the brief has a budget. `used`: after this fact. */
  | Fact<'BriefAttemptTaken', { briefId: string; taskId: string; used: number; decidedAt: Iso }>
  /** The task was refused, or never came to be: its attempt is given back. */
  | Fact<'BriefAttemptReturned', { briefId: string; taskId: string; used: number; decidedAt: Iso }>;

export const BRIEF_FACT_VERSIONS: Readonly<Record<BriefFact['type'], number>> = {
  BriefCreated: 1,
  BriefReadied: 1,
  BriefAttemptTaken: 1,
  BriefAttemptReturned: 1,
};
