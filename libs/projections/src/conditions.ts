// query · the WHERE of a list: conditions and their parameters, numbered as they are added; used by every list.

export class Conditions {
  readonly values: unknown[] = [];
  readonly #terms: string[] = [];

  /** `?` in the term is replaced by the value's number. */
  add(term: string, value: unknown): this {
    this.#terms.push(term.replace('?', this.param(value)));
    return this;
  }

  /** A term that needs no value. */
  require(term: string): this {
    this.#terms.push(term);
    return this;
  }

  /** `$n` for a value that stands elsewhere in the statement. */
  param(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  toString(): string {
    return this.#terms.join(' AND ');
  }
}
