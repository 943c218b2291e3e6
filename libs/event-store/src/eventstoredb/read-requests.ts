// 3 → 4 · the requests that reads and subscriptions are made of; the client's own reads of $all know no filter.
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { LogPosition } from './log-positions.js';

export interface StreamRead {
  stream: string;
  /** Null: from the end backwards, or from the start forwards. */
  from: number | null;
  isBackwards: boolean;
  limit: number;
}

export interface AllRead {
  /** Null: from the end backwards, or from the start forwards. Forwards, the event at the position is read too. */
  from: LogPosition | null;
  isBackwards: boolean;
  limit: number;
  prefixes: readonly string[];
}

const COUNT_MAX = Number.MAX_SAFE_INTEGER;
/** How many events the server looks at before it says, by a checkpoint, how far it has come. */
const SEARCH_WINDOW = 256;

export function streamRequest({ stream, from, isBackwards, limit }: StreamRead): ReadReq {
  const place = new pb.ReadReq.Options.StreamOptions();
  place.setStreamIdentifier(new sharedPb.StreamIdentifier().setStreamName(Buffer.from(stream)));
  if (from !== null) place.setRevision(String(from));
  else if (isBackwards) place.setEnd(new sharedPb.Empty());
  else place.setStart(new sharedPb.Empty());
  const options = optionsOf(isBackwards).setStream(place).setNoFilter(new sharedPb.Empty());
  return new pb.ReadReq().setOptions(options.setCount(String(Math.min(limit, COUNT_MAX))));
}

export function allRequest({ from, isBackwards, limit, prefixes }: AllRead): ReadReq {
  const options = optionsOf(isBackwards)
    .setAll(placeOf(from, isBackwards))
    .setCount(String(Math.min(limit, COUNT_MAX)));
  return new pb.ReadReq().setOptions(filtered(options, prefixes));
}

/** Begins behind the position. */
export function subscriptionRequest(from: LogPosition | null, prefixes: readonly string[]): ReadReq {
  const options = optionsOf(false).setAll(placeOf(from, false));
  options.setSubscription(new pb.ReadReq.Options.SubscriptionOptions());
  return new pb.ReadReq().setOptions(filtered(options, prefixes));
}

function optionsOf(isBackwards: boolean): ReadReq.Options {
  const options = new pb.ReadReq.Options();
  options.setReadDirection(isBackwards ? pb.ReadReq.Options.ReadDirection.BACKWARDS : pb.ReadReq.Options.ReadDirection.FORWARDS);
  options.setResolveLinks(false);
  return options.setUuidOption(new pb.ReadReq.Options.UUIDOption().setString(new sharedPb.Empty()));
}

function placeOf(from: LogPosition | null, isBackwards: boolean): ReadReq.Options.AllOptions {
  const place = new pb.ReadReq.Options.AllOptions();
  if (from !== null) {
    const position = new pb.ReadReq.Options.Position();
    return place.setPosition(position.setCommitPosition(String(from.commit)).setPreparePosition(String(from.prepare)));
  }
  return isBackwards ? place.setEnd(new sharedPb.Empty()) : place.setStart(new sharedPb.Empty());
}

function filtered(options: ReadReq.Options, prefixes: readonly string[]): ReadReq.Options {
  const expression = new pb.ReadReq.Options.FilterOptions.Expression();
  expression.setPrefixList([...prefixes]);
  const filter = new pb.ReadReq.Options.FilterOptions();
  filter.setStreamIdentifier(expression).setMax(SEARCH_WINDOW);
  filter.setCheckpointintervalmultiplier(1);
  return options.setFilter(filter);
}
