// query · the sentences of a receipt: what the customer is told of a task's money; called when a receipt is rendered.
import { unreachable, type Credits } from '#libs/kernel';
import type { ReceiptState } from './receipt.state.js';

/** What the customer is told, in one or two sentences. */
export function statementOf(state: ReceiptState): string {
  const consumed = state.consumed + state.overConsumed;
  const charged = consumed - state.goodwill;
  const open = state.held - state.consumed - state.returned - state.reissued;
  if (state.ending === 'rejected') return 'Not charged: the request was refused and no credits were held.';
  if (open > 0) return openStatement(state, open);
  const back = state.returned + state.reissued;
  const head = charged > 0 ? `Charged ${credits(charged)}` : 'Not charged';
  const reasons: string[] = [];
  if (back > 0) reasons.push(`${happened(state)} and ${credits(back)} ${were(back)} returned`);
  if (state.lateAccepted) reasons.push(`the late result was taken for ${credits(consumed)}`);
  else if (state.goodwill > 0 && back === 0) reasons.push(`${credits(consumed)} ${were(consumed)} consumed`);
  if (state.overConsumed > 0)
    reasons.push(`${credits(state.overConsumed)} beyond what was held ${were(state.overConsumed)} added to what is owed`);
  if (state.goodwill > 0) reasons.push(`${credits(state.goodwill)} ${were(state.goodwill)} given back as goodwill`);
  return `${head}${reasons.length === 0 ? '' : ': '}${reasons.join('; ')}.${returnNote(state)}`;
}

function openStatement(state: ReceiptState, open: Credits): string {
  if (state.ending === null) return `Not charged yet: ${credits(open)} ${open === 1 ? 'is' : 'are'} held.`;
  if (state.ending === 'completed')
    return `The generation completed; ${credits(open)} held for it ${open === 1 ? 'is' : 'are'} being settled.`;
  return `Not charged: ${happened(state)} and ${credits(open)} ${open === 1 ? 'is' : 'are'} being returned.`;
}

function happened(state: ReceiptState): string {
  switch (state.ending) {
    case 'failed':
      return 'the generation failed';
    case 'timed_out':
      return 'the generation timed out';
    case 'cancelled':
      return 'the task was cancelled';
    case 'completed':
      return state.consumed > 0 ? 'the generation delivered a part of what was quoted' : 'the generation delivered nothing';
    case 'rejected':
      return 'the request was refused';
    case null:
      return 'the task was ended';
    default:
      return unreachable(state.ending, 'ending of a task');
  }
}

/** What became of returned credits that could not simply go back. */
function returnNote(state: ReceiptState): string {
  let note = '';
  if (state.reissued > 0) note += ` ${credits(state.reissued)} came back as new credits, because what they were taken from had lapsed.`;
  if (state.lapsed > 0) note += ` ${credits(state.lapsed)} did not come back, because what they were taken from had lapsed or was revoked.`;
  if (state.owedLess > 0) note += ` ${credits(state.owedLess)} of what was given back lowered what is owed.`;
  return note;
}

function credits(amount: Credits): string {
  return amount === 1 ? '1 credit' : `${amount} credits`;
}

function were(amount: Credits): string {
  return amount === 1 ? 'was' : 'were';
}
