// 2 decide · the names of the rules that decisions are explained by: stable for good, listed in docs/support.md, which a test compares.

/** Rule → what it says, in one sentence for support. */
export const RULES = {
  'submission.at-price': 'Accepted at the price in effect; the credits are held in burn order.',
  'submission.at-quote': 'Accepted at the price of its quote, whatever the price is by then; the credits are held in burn order.',
  'submission.plan-too-low': 'Refused: the model needs a higher plan than the account is on.',
  'submission.credits-short': 'Refused: fewer credits could be spent than the task costs.',
  'dispatch.next-attempt': 'The next attempt is sent to the provider.',
  'attempt.accepted': 'The provider has taken the attempt as a job of its own.',
  'attempt.unknown': 'It is not known whether the provider has the attempt: nothing is retried and no credits move until it is.',
  'attempt.retried': 'The attempt failed and another follows; the credits stay held.',
  'ending.completed': 'The provider delivered: the task is completed.',
  'ending.failed': 'The task failed: it will not be charged.',
  'ending.cancelled': 'The task was stopped as asked: it will not be charged.',
  'ending.deadline': 'No verdict came before the deadline: the task timed out and its credits are released.',
  'ending.hold-cap': 'No verdict came before the longest hold past the deadline ended: the task timed out and its credits are released.',
  'cancellation.requested': 'A cancellation was asked for while the provider may be working: the provider decides.',
  'cancellation.at-once': 'Nothing was running: the task and its hold ended in the moment that it was asked for.',
  'consumption.in-full': 'All of it was delivered: what was held is charged.',
  'consumption.in-part': 'Less was delivered than quoted: the part is charged, rounded down, and the rest goes back.',
  'consumption.capped': 'More was used than held: what was held is charged, and no more.',
  'consumption.as-debt': 'More was used than held: what was held is charged, and the rest is owed.',
  'refund.failed': 'A failure is never charged: the whole hold goes back to the grants that it came from.',
  'refund.timed-out': 'A time-out is never charged: the whole hold goes back to the grants that it came from.',
  'refund.cancelled': 'A cancelled task is never charged: the whole hold goes back to the grants that it came from.',
  'refund.lapsed-grace':
    'The hold outlived its grant: the credits come back as a new grant of the same bucket, valid for the days of grace.',
  'refund.lapsed-expire': 'The hold outlived its grant: the credits came back and expired at once, as the grant had.',
  'refund.goodwill': 'Credits are given back after consumption, in all never more than the task consumed.',
  'refund.goodwill-lowers-debt':
    'Credits are given back that came from a revoked grant: what is owed becomes less, or a new grant is made.',
  'late-result.delivered-free': 'A result came after the refund: it is handed over and not charged.',
  'late-result.offered': 'A result came after the refund: it can be taken at the quoted price.',
  'late-result.discarded': 'A result came after the refund: it is dropped and not charged.',
  'late-result.failed': 'A verdict came after the ending, and it was no success: nothing changes but what is known of the attempt.',
  'late-result.taken': 'The customer took the late result at the quoted price.',
  'cost.absorbed': 'A cost of the provider became known after the settlement: we bear it, and no credits move.',
} as const;

export type Rule = keyof typeof RULES;
