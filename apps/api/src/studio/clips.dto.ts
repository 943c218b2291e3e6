// 1 HTTP in · what the routes of clips take.
import { LOG_STATES, REVIEW_STATES, type AttemptState, type Gate, type RejectionReason, type ReviewState } from '#libs/studio';
import { ListQueryDto } from '../validation/queries.js';
import { OneOf, Optional, WholeNumber } from '../validation/rules.js';
import { Instant } from '../validation/words.js';
import { ConfirmedGates, Minutes, Reasons, StudioId, WebAddress, Word } from './studio.words.js';

const COUNT_MAX = 1_000_000_000_000;

export class MoveClipDto {
  @OneOf(REVIEW_STATES)
  to!: ReviewState;

  /** Of the clip that the reviewer saw. */
  @WholeNumber(0, Number.MAX_SAFE_INTEGER)
  revision!: number;

  @Optional()
  @Reasons()
  reasons?: RejectionReason[];

  @Optional()
  @Word(2_000)
  note?: string;

  @Optional()
  @Minutes()
  reviewMinutes?: number;

  @Optional()
  @Minutes()
  brandReviewMinutes?: number;

  @Optional()
  @Minutes()
  editingMinutes?: number;

  @Optional()
  @Instant()
  scheduledAt?: string;

  @Optional()
  @WebAddress()
  publishedUrl?: string;

  /** Who decides, where one key serves many people. */
  @Optional()
  @Word(100)
  reviewer?: string;

  @Optional()
  @ConfirmedGates()
  gates?: Partial<Record<Gate, boolean>>;
}

export class ClipPerformanceDto {
  @Optional()
  @Word(2_000)
  note?: string;

  @Optional()
  @WholeNumber(0, COUNT_MAX)
  views?: number;

  @Optional()
  @WholeNumber(0, COUNT_MAX)
  clicks?: number;

  @Optional()
  @WholeNumber(0, COUNT_MAX)
  spendMinor?: number;

  @Optional()
  @Word(100)
  reviewer?: string;
}

export class ClipsQueryDto extends ListQueryDto {
  @Optional()
  @StudioId()
  briefId?: string;

  @Optional()
  @OneOf([...REVIEW_STATES, ...LOG_STATES])
  state?: AttemptState;

  @Optional()
  @Word(200)
  model?: string;
}

export class ReviewQueueQueryDto extends ListQueryDto {
  @Optional()
  @StudioId()
  briefId?: string;

  @Optional()
  @OneOf(['review_pending', 'brand_review'])
  state?: 'review_pending' | 'brand_review';
}
