// 1 HTTP in · what the routes of the ledger's proofs take.
import { POSITION_PATTERN } from '#libs/event-store';
import { ListQueryDto } from '../validation/queries.js';
import { Optional, Pattern } from '../validation/rules.js';

const TREE_SIZE = /^(0|[1-9]\d{0,14})$/;
const WHAT = 'a whole number of leaves';

export class ProofQueryDto {
  @Pattern(POSITION_PATTERN, 'the position of a fact')
  position!: string;

  @Optional()
  @Pattern(TREE_SIZE, WHAT)
  treeSize?: string;
}

export class ConsistencyQueryDto {
  @Pattern(TREE_SIZE, WHAT)
  from!: string;

  @Pattern(TREE_SIZE, WHAT)
  to!: string;
}

export class HeadListQueryDto extends ListQueryDto {}
