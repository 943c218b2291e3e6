// 1 HTTP in · what the routes of briefs take.
import type { JsonObject } from '#libs/kernel';
import { ATTEMPT_BUDGET_MAX, LEVELS, type BriefView, type Gate, type Level } from '#libs/studio';
import { ListQueryDto } from '../validation/queries.js';
import { OneOf, Optional, WholeNumber, YesOrNo } from '../validation/rules.js';
import { AccountId } from '../validation/words.js';
import { Gates, Seconds, StudioId, Texts, Variables, VersionOrLabel, Word } from './studio.words.js';

const BRIEF_STATES = ['draft_brief', 'prompt_ready'] as const satisfies ReadonlyArray<BriefView['state']>;

export class CreateBriefDto {
  @Optional()
  @StudioId()
  id?: string;

  /** Its tasks must be this account's. */
  @Optional()
  @AccountId()
  accountId?: string;

  @Word(100)
  channel!: string;

  @Word(100)
  format!: string;

  @Seconds()
  durationSeconds!: number;

  @Word(2_000)
  goal!: string;

  @Optional()
  @Texts(50, 500)
  mustInclude?: string[];

  @Optional()
  @Texts(50, 500)
  mustAvoid?: string[];

  @OneOf(LEVELS)
  riskLevel!: Level;

  @OneOf(LEVELS)
  consistencyRequirement!: Level;

  @Optional()
  @Word(100)
  campaign?: string;

  @Optional()
  @YesOrNo()
  paid?: boolean;

  @Optional()
  @Texts(50, 100)
  sensitiveCategories?: string[];

  @Optional()
  @WholeNumber(1, ATTEMPT_BUDGET_MAX)
  attemptBudget?: number;

  /** What a human must have looked at before a clip may be published. */
  @Optional()
  @Gates()
  gates?: Gate[];

  /** Its clips enter `review_pending` by themselves. */
  @Optional()
  @YesOrNo()
  autoReview?: boolean;
}

export class ReadyBriefDto {
  @StudioId()
  promptId!: string;

  @VersionOrLabel()
  promptVersion!: number | string;

  @Optional()
  @Variables()
  variables?: JsonObject;
}

export class BriefsQueryDto extends ListQueryDto {
  @Optional()
  @OneOf(BRIEF_STATES)
  state?: BriefView['state'];

  @Optional()
  @Word(100)
  campaign?: string;

  @Optional()
  @Word(100)
  channel?: string;
}
