// Shows which members of a task go together, and that a task with none of the studio's is checked as ever.
import { describe, expect, it } from '@jest/globals';
import { ApiProblem } from '../problems/problem.js';
import { checkedTask } from './task.check.js';

const task = { accountId: 'acc_1', model: 'kling-ai-5s' };
function faults(body: unknown): Array<{ pointer: string; detail: string }> {
  try {
    checkedTask(body);
  } catch (error) {
    if (error instanceof ApiProblem) return error.fields['errors'] as unknown as Array<{ pointer: string; detail: string }>;
    throw error;
  }
  return [];
}
const pointers = (body: unknown) => faults(body).map(({ pointer }) => pointer);

describe('a task', () => {
  it.each([
    ['a prompt of its own', { prompt: 'p' }],
    ['a prompt of its own, for a brief', { prompt: 'p', briefId: 'brief_1' }],
    ['a prompt version', { briefId: 'brief_1', promptVersionId: 'prompt_1@v2' }],
    ['a prompt version and variables', { briefId: 'b', promptVersionId: 'p.1@v12', variables: { scene: 'x', list: ['a', 1, true] } }],
    ['nulls for what it does not say', { prompt: 'p', briefId: null, promptVersionId: null, variables: null }],
  ])('may have %s', (_name, more) => {
    expect(faults({ ...task, ...more })).toEqual([]);
  });

  it('is given without its nulls', () => {
    expect(checkedTask({ ...task, prompt: null, briefId: 'b', promptVersionId: 'p@v1' })).toEqual({
      ...task,
      briefId: 'b',
      promptVersionId: 'p@v1',
    });
  });

  it.each([
    ['neither prompt nor prompt version', {}, ['/prompt']],
    ['only a brief', { briefId: 'brief_1' }, ['/prompt']],
    ['a prompt version without a brief', { promptVersionId: 'p@v1' }, ['/briefId']],
    ['a prompt beside a prompt version', { briefId: 'b', promptVersionId: 'p@v1', prompt: 'p' }, ['/prompt']],
    ['variables for a prompt of its own', { prompt: 'p', briefId: 'b', variables: {} }, ['/variables']],
    ['variables alone', { variables: { a: 1 } }, ['/prompt', '/variables']],
    ['variables that are no object', { briefId: 'b', promptVersionId: 'p@v1', variables: ['a'] }, ['/variables']],
    ['a name that is a sentence', { briefId: 'b', promptVersionId: 'p@v1', variables: { 'Ann Lee/x': 'y' } }, ['/variables/Ann Lee~1x']],
    ['a prompt version that is none', { briefId: 'b', promptVersionId: 'production' }, ['/promptVersionId']],
    ['a brief’s id that is none', { prompt: 'p', briefId: 'a b' }, ['/briefId']],
    ['an empty prompt', { prompt: '' }, ['/prompt']],
  ])('may not have %s', (_name, more, expected) => {
    expect(pointers({ ...task, ...more })).toEqual(expected);
  });

  it('hears of every member at fault at once', () => {
    expect(pointers({ accountId: 5, promptVersionId: 'p@v1', prompt: 'p', extra: 1 }).sort()).toEqual(
      ['/accountId', '/briefId', '/extra', '/model', '/prompt'].sort(),
    );
    expect(pointers([])).toEqual(['']);
    expect(pointers(null)).toEqual(['']);
  });
});
