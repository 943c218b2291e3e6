import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '#libs/kernel';
import { simulationErrors, simulationOf } from './simulator.parameters.js';

const pointers = (simulate: JsonValue): string[] => simulationErrors({ simulate }).map((error) => error.pointer);

describe('parameters.simulate', () => {
  it('may be absent, empty or complete', () => {
    expect(simulationErrors({})).toEqual([]);
    expect(pointers({})).toEqual([]);
    expect(pointers({ outcome: 'late', afterMs: 0, deliveredFraction: 0.123456, cost: { currency: 'USD', amountMinor: 12 } })).toEqual([]);
  });

  it.each<[string, JsonValue, string[]]>([
    ['no object', 'succeed', ['/parameters/simulate']],
    ['null', null, ['/parameters/simulate']],
    ['a list', [], ['/parameters/simulate']],
    ['an unknown outcome', { outcome: 'explode' }, ['/parameters/simulate/outcome']],
    ['an outcome of another type', { outcome: null }, ['/parameters/simulate/outcome']],
    ['an unknown field', { outcom: 'fail', 'a/b': 1 }, ['/parameters/simulate/outcom', '/parameters/simulate/a~1b']],
    ['a negative delay', { afterMs: -1 }, ['/parameters/simulate/afterMs']],
    ['a broken delay', { afterMs: 1.5 }, ['/parameters/simulate/afterMs']],
    ['a delay beyond a day', { afterMs: 86_400_001 }, ['/parameters/simulate/afterMs']],
    ['a fraction above one', { deliveredFraction: 1.000001 }, ['/parameters/simulate/deliveredFraction']],
    ['a negative fraction', { deliveredFraction: -0.5 }, ['/parameters/simulate/deliveredFraction']],
    ['a fraction with seven decimals', { deliveredFraction: 0.1234567 }, ['/parameters/simulate/deliveredFraction']],
    ['a fraction of another type', { deliveredFraction: true }, ['/parameters/simulate/deliveredFraction']],
    ['a cost without amount', { cost: { currency: 'USD' } }, ['/parameters/simulate/cost/amountMinor']],
    ['a cost in no currency', { cost: { currency: 'usd', amountMinor: 1 } }, ['/parameters/simulate/cost/currency']],
    ['a cost in an unknown currency', { cost: { currency: 'QQQ', amountMinor: 1 } }, ['/parameters/simulate/cost/currency']],
    ['a broken cost', { cost: { currency: 'USD', amountMinor: 0.5 } }, ['/parameters/simulate/cost/amountMinor']],
    ['a cost with more', { cost: { currency: 'USD', amountMinor: 1, tax: 1 } }, ['/parameters/simulate/cost/tax']],
  ])('refuses %s and points at it', (_, simulate, expected) => {
    expect(pointers(simulate)).toEqual(expected);
  });

  it('takes defaults for what is absent', () => {
    expect(simulationOf({})).toEqual({ outcome: 'succeed', afterMs: 200, deliveredFraction: '1', cost: null });
  });

  it('reads a fraction alike as a number and as the decimal string that a fact keeps', () => {
    const asNumber: JsonObject = { simulate: { deliveredFraction: 0.000001 } };
    const asText: JsonObject = { simulate: { deliveredFraction: '0.000001' } };
    expect(simulationOf(asNumber).deliveredFraction).toBe('0.000001');
    expect(simulationOf(asText).deliveredFraction).toBe('0.000001');
    expect(simulationErrors(asNumber)).toEqual([]);
    expect(simulationErrors(asText)).toHaveLength(1);
  });
});
