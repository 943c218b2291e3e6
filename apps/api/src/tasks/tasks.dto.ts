// 1 HTTP in · what the routes of tasks take.
import type { JsonObject } from '#libs/kernel';
import { TASK_STATUSES } from './task-statuses.js';
import type { TaskStatus } from '#libs/tasks';
import { PARAMETERS_DESCRIPTION } from '../quotes/quotes.dto.js';
import { requestLimits } from '../validation/limits.js';
import { AccountId, AnyCredits, CatalogueId, InstantOrDay, Metadata, PositiveCredits, Reason } from '../validation/words.js';
import { JsonObjectOf, OneOf, Optional, Pattern, Satisfies, Text, YesOrNo } from '../validation/rules.js';
import { ListQueryDto } from '../validation/queries.js';
import { StudioId, Variables } from '../studio/studio.words.js';

const PROMPT_VERSION_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}@v[1-9][0-9]{0,8}$/;

export class CreateTaskDto {
  @AccountId()
  accountId!: string;

  @CatalogueId()
  model!: string;

  @Optional()
  @Pattern(/^quote_[A-Za-z0-9]{1,64}$/, 'a quote id')
  quoteId?: string;

  @Optional()
  @Text(1, () => requestLimits.promptCharactersMax, {
    description: 'Needed, unless the task names a prompt version: then it must be absent.',
  })
  prompt?: string;

  @Optional()
  @JsonObjectOf(PARAMETERS_DESCRIPTION)
  parameters?: JsonObject;

  @Optional()
  @Text(1, 200)
  userId?: string;

  @Optional()
  @AnyCredits()
  expectedCredits?: number;

  @Optional()
  @Metadata()
  metadata?: Record<string, string>;

  @Optional()
  @StudioId()
  briefId?: string;

  @Optional()
  @Pattern(
    PROMPT_VERSION_ID,
    'the id of a prompt version, such as prompt_1@v2: the prompt is rendered from it and the brief, which is needed',
  )
  promptVersionId?: string;

  @Optional()
  @Variables()
  variables?: JsonObject;
}

export const BATCH_TASKS_MAX = 500;

/** The entries are checked one by one: an invalid one is its own problem, unless the batch is atomic. */
export class CreateTaskBatchDto {
  @Satisfies(
    'tasks',
    { type: 'array', minItems: 1, maxItems: BATCH_TASKS_MAX, items: { $ref: '#/components/schemas/CreateTask' } },
    `must be a list of 1 to ${BATCH_TASKS_MAX} tasks`,
    (value) => Array.isArray(value) && value.length >= 1 && value.length <= BATCH_TASKS_MAX,
  )
  tasks!: unknown[];

  @Optional()
  @YesOrNo()
  atomic?: boolean;
}

export class CancelTaskDto {
  @Optional()
  @Reason()
  reason?: string;
}

export class RefundTaskDto {
  @PositiveCredits()
  credits!: number;

  @Reason()
  reason!: string;
}

export class NothingDto {}

export class TasksQueryDto extends ListQueryDto {
  @Optional()
  @AccountId()
  accountId?: string;

  @Optional()
  @OneOf(TASK_STATUSES)
  status?: TaskStatus;

  @Optional()
  @Text(1, 200)
  userId?: string;

  @Optional()
  @CatalogueId()
  model?: string;

  @Optional()
  @InstantOrDay()
  from?: string;

  @Optional()
  @InstantOrDay()
  to?: string;
}
