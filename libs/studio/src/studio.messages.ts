// 1 → 2 · the commands that the edge sends to the studio through the CommandBus.
import { Command } from '@nestjs/cqrs';
import type { JsonObject, Money } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import type { Level } from './brief/brief.facts.js';
import type { Gate } from './clip/gates.js';
import type { RejectionReason } from './clip/rejection-reasons.js';
import type { ReviewState } from './clip/review-states.js';
import type { BenchmarkView, BriefView, ClipView, PromptVersionView, PromptView } from './studio.views.js';

export interface BriefInput {
  id?: string;
  accountId?: string;
  channel: string;
  format: string;
  durationSeconds: number;
  goal: string;
  mustInclude?: string[];
  mustAvoid?: string[];
  riskLevel: Level;
  consistencyRequirement: Level;
  campaign?: string;
  paid?: boolean;
  sensitiveCategories?: string[];
  attemptBudget?: number;
  gates?: Gate[];
  autoReview?: boolean;
}

export class CreateBrief extends Command<WriteResult<BriefView>> {
  constructor(
    readonly context: RequestContext,
    readonly input: BriefInput,
  ) {
    super();
  }
}

/** `promptVersion`: a number or a label. */
export class ReadyBrief extends Command<WriteResult<BriefView>> {
  constructor(
    readonly context: RequestContext,
    readonly briefId: string,
    readonly input: { promptId: string; promptVersion: number | string; variables?: JsonObject },
  ) {
    super();
  }
}

export class CreatePrompt extends Command<WriteResult<PromptView>> {
  constructor(
    readonly context: RequestContext,
    readonly input: { id?: string; name: string; template: string },
  ) {
    super();
  }
}

export class AddPromptVersion extends Command<WriteResult<PromptVersionView>> {
  constructor(
    readonly context: RequestContext,
    readonly promptId: string,
    readonly input: { template: string },
  ) {
    super();
  }
}

/** The same place again changes nothing. */
export class MovePromptLabel extends Command<WriteResult<PromptView>> {
  constructor(
    readonly context: RequestContext,
    readonly promptId: string,
    readonly label: string,
    readonly input: { version: number },
  ) {
    super();
  }
}

export interface MoveInput {
  to: ReviewState;
  /** That the reviewer saw: another one is a stale decision. */
  revision: number;
  reasons?: RejectionReason[];
  note?: string;
  reviewMinutes?: number;
  brandReviewMinutes?: number;
  editingMinutes?: number;
  scheduledAt?: string;
  publishedUrl?: string;
  reviewer?: string;
  gates?: Partial<Record<Gate, boolean>>;
}

/** The answer lacks the read model's figures: creditsUsed 0, no costs, the provider's asset URL (see ClipFigures). */
export class MoveClip extends Command<WriteResult<ClipView>> {
  constructor(
    readonly context: RequestContext,
    readonly clipId: string,
    readonly input: MoveInput,
  ) {
    super();
  }
}

/** Only of a published clip. Answers as MoveClip. */
export class NoteClipPerformance extends Command<WriteResult<ClipView>> {
  constructor(
    readonly context: RequestContext,
    readonly clipId: string,
    readonly input: { note?: string; views?: number; clicks?: number; spendMinor?: number; reviewer?: string },
  ) {
    super();
  }
}

export class SetBenchmark extends Command<WriteResult<BenchmarkView>> {
  constructor(
    readonly context: RequestContext,
    readonly name: string,
    readonly input: { costPerUsableClip: Money; qualityBar: { usableRate: string } },
  ) {
    super();
  }
}
