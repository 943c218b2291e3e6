import { afterEach, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  MessageRefused,
  type ConsumeOptions,
  type IncomingMessage,
  type KafkaPatience,
  type MessageConsumer,
  type Messaging,
  type OutgoingMessage,
} from '#libs/messaging';
import { describeKafka, PATIENT } from '../../../../test/kafka/describe-kafka.js';
import { until } from '../../../../test/support/until.js';

const message = (key: string, value: string, headers: Record<string, string> = {}): OutgoingMessage => ({ key, value, headers });
const textOf = ({ value }: IncomingMessage): string => value?.toString() ?? '<null>';

describeKafka('messaging over Kafka', (kafka) => {
  const consumers: MessageConsumer[] = [];
  afterEach(async () => {
    for (const consumer of consumers.splice(0)) await consumer.stop();
  });

  const messaging = (patience: Partial<KafkaPatience> = {}): Messaging => kafka.messaging({ ...PATIENT, ...patience });
  const newTopic = async (partitions = 3): Promise<string> => {
    const name = `${kafka.prefix}.${randomUUID()}`;
    await messaging().ensureTopics([{ name, partitions, retentionMs: -1 }]);
    return name;
  };
  const consume = (options: ConsumeOptions): MessageConsumer => {
    const consumer = messaging().consume(options);
    consumers.push(consumer);
    return consumer;
  };

  it('brings key, value, headers and the tombstone as they were sent', async () => {
    const topic = await newTopic();
    const producer = messaging().producer('p');
    await producer.send(topic, [
      message('k', 'größe', { 'content-type': 'text/plain', empty: '' }),
      { key: 'k', value: null, headers: {} },
    ]);
    const seen: IncomingMessage[] = [];
    consume({ groupId: randomUUID(), topics: [topic], handle: async (messages) => void seen.push(...messages) });
    await until(() => seen.length === 2);
    expect(seen).toMatchObject([
      { topic, key: 'k', value: Buffer.from('größe'), headers: { 'content-type': 'text/plain', empty: '' }, offset: '0' },
      { key: 'k', value: null, headers: {}, offset: '1', partition: seen[0]!.partition },
    ]);
  });

  it('keeps one key’s order over sends that were asked for together', async () => {
    const topic = await newTopic();
    const producer = messaging().producer('p');
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const sends = Array.from({ length: 40 }, (_, n) =>
      producer.send(
        topic,
        keys.map((key) => message(key, String(n))),
      ),
    );
    await Promise.all(sends);
    const seen = new Map<string, number[]>(keys.map((key) => [key, []]));
    consume({
      groupId: randomUUID(),
      topics: [topic],
      handle: async (messages) => messages.forEach((m) => seen.get(m.key!)!.push(Number(textOf(m)))),
    });
    await until(() => [...seen.values()].every((numbers) => numbers.length >= 40));
    for (const numbers of seen.values()) expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  it('sends what is larger than one record batch in several, in order', async () => {
    const topic = await newTopic(1);
    const texts = Array.from({ length: 30 }, (_, n) => `${n}:${'x'.repeat(100_000)}`);
    await messaging()
      .producer('p')
      .send(
        topic,
        texts.map((text) => message('k', text)),
      );
    const seen: string[] = [];
    consume({ groupId: randomUUID(), topics: [topic], handle: async (messages) => void seen.push(...messages.map(textOf)) });
    await until(() => seen.length >= texts.length);
    expect(seen.map((text) => text.split(':')[0])).toEqual(texts.map((_, n) => String(n)));
  });

  it('tells a message that the broker never takes from a broker that is away, and goes on after it', async () => {
    const topic = await newTopic(1);
    const producer = messaging().producer('p');
    await expect(producer.send(topic, [message('k', 'x'.repeat(2_000_000))])).rejects.toThrow(MessageRefused);
    await producer.send(topic, [message('k', 'after')]);
    const seen: string[] = [];
    consume({ groupId: randomUUID(), topics: [topic], handle: async (messages) => void seen.push(...messages.map(textOf)) });
    await until(() => seen.length > 0);
    expect(seen).toEqual(['after']);
  });

  it('hands over again what was not handled, and goes on behind it where a successor of the group comes', async () => {
    const topic = await newTopic(1);
    const groupId = randomUUID();
    const producer = messaging().producer('p');
    await producer.send(topic, [message('k', '1'), message('k', '2')]);
    const failures: string[] = [];
    const attempts: string[][] = [];
    const first = consume({
      groupId,
      topics: [topic],
      handle: async (messages) => {
        attempts.push(messages.map(textOf));
        if (attempts.length < 3) throw new Error(`attempt ${attempts.length}`);
      },
      onError: (error) => failures.push(error.message),
    });
    await until(() => attempts.length === 3);
    expect(attempts).toEqual([
      ['1', '2'],
      ['1', '2'],
      ['1', '2'],
    ]);
    expect(failures).toEqual(['attempt 1', 'attempt 2']);
    await first.stop();
    await producer.send(topic, [message('k', '3')]);
    const seen: string[] = [];
    consume({ groupId, topics: [topic], handle: async (messages) => void seen.push(...messages.map(textOf)) });
    await until(() => seen.length > 0);
    expect(seen).toEqual(['3']);
  });

  it('shares a topic between the members of a group: nothing is lost, and what was committed is not handed over again', async () => {
    const topic = await newTopic(6);
    const groupId = randomUUID();
    const producer = messaging().producer('p');
    const seen = { a: [] as string[], b: [] as string[] };
    const member = (name: 'a' | 'b'): MessageConsumer =>
      consume({ groupId, topics: [topic], handle: async (messages) => void seen[name].push(...messages.map(textOf)) });
    const all = (): string[] => [...seen.a, ...seen.b];
    const send = (from: number): Promise<void> =>
      producer.send(
        topic,
        Array.from({ length: 100 }, (_, n) => message(`k${n}`, String(from + n))),
      );
    member('a');
    await send(0);
    await until(() => new Set(all()).size === 100);
    const b = member('b');
    // Only when the second has its share does this end: keys are spread over all partitions.
    await until(async () => {
      await send(100);
      return seen.b.length > 0 && new Set(all()).size === 200;
    });
    await b.stop();
    const before = seen.b.length;
    await send(200);
    await until(() => new Set(all()).size === 300);
    expect(seen.b.length).toBe(before);
    expect(all().filter((text) => Number(text) < 100)).toHaveLength(100);
  });

  it('tells a slow handler that it stops, and does not count what the handler then leaves', async () => {
    const topic = await newTopic(1);
    const groupId = randomUUID();
    await messaging()
      .producer('p')
      .send(topic, [message('k', '1')]);
    let begun = false;
    const slow = consume({
      groupId,
      topics: [topic],
      handle: (_messages, signal) =>
        new Promise((_, reject) => {
          begun = true;
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    await until(() => begun);
    await slow.stop();
    const seen: string[] = [];
    consume({ groupId, topics: [topic], handle: async (messages) => void seen.push(...messages.map(textOf)) });
    await until(() => seen.length > 0);
    expect(seen).toEqual(['1']);
  });

  it('keeps its partitions while a handler takes longer than the session lasts', async () => {
    const topic = await newTopic(1);
    const groupId = randomUUID();
    await messaging()
      .producer('p')
      .send(topic, [message('k', '1')]);
    const sessionTimeoutMs = 5_000;
    const handed: string[] = [];
    const patient = messaging({ sessionTimeoutMs }).consume({
      groupId,
      topics: [topic],
      // Twice the session and more goes by; nobody waits for the clock but this one handler, whose slowness is the point.
      handle: async (messages) => {
        handed.push(...messages.map(textOf));
        const endMs = performance.now() + (handed.length === 1 ? 2 * sessionTimeoutMs + 500 : 0);
        await until(() => performance.now() >= endMs);
      },
    });
    consumers.push(patient);
    const other: string[] = [];
    await until(() => handed.length === 1);
    consume({ groupId: `${groupId}-other`, topics: [topic], handle: async (messages) => void other.push(...messages.map(textOf)) });
    await until(() => other.length === 1);
    await messaging()
      .producer('p')
      .send(topic, [message('k', '2')]);
    await until(() => handed.includes('2'));
    expect(handed).toEqual(['1', '2']);
  });

  it('makes topics once, several at a time, and leaves what is there as it is', async () => {
    const names = [randomUUID(), randomUUID()].map((name) => `${kafka.prefix}.${name}`);
    const spec = (partitions: number): { name: string; partitions: number; retentionMs: number }[] =>
      names.map((name) => ({ name, partitions, retentionMs: 120_000 }));
    const client = messaging();
    await Promise.all([client.ensureTopics(spec(2)), client.ensureTopics(spec(2)), client.ensureTopics(spec(2).slice(0, 1))]);
    await client.ensureTopics(spec(5));
    const producer = client.producer('p');
    await producer.send(
      names[1]!,
      Array.from({ length: 40 }, (_, n) => message(`k${n}`, 'x')),
    );
    const partitions = new Set<number>();
    let seen = 0;
    consume({
      groupId: randomUUID(),
      topics: [names[1]!],
      handle: async (messages) => messages.forEach((m) => (partitions.add(m.partition), (seen += 1))),
    });
    await until(() => seen === 40);
    expect([...partitions].sort()).toEqual([0, 1]);
  });

  it('waits for a topic that is made later', async () => {
    const topic = `${kafka.prefix}.${randomUUID()}`;
    const seen: string[] = [];
    const troubles: Error[] = [];
    consume({
      groupId: randomUUID(),
      topics: [topic],
      handle: async (messages) => void seen.push(...messages.map(textOf)),
      onError: (error) => troubles.push(error),
    });
    await until(() => troubles.length > 0);
    await messaging().ensureTopics([{ name: topic, partitions: 1, retentionMs: -1 }]);
    await messaging()
      .producer('p')
      .send(topic, [message('k', 'at last')]);
    await until(() => seen.length > 0);
    expect(seen).toEqual(['at last']);
  });
});
