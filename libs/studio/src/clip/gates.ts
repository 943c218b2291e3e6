// 2 decide · what a human must have looked at before a clip is published, as far as its brief demands it (production.md, Gates).
export const GATES = [
  'brand_fit',
  'product_accuracy',
  'claims',
  'likeness_rights',
  'music',
  'logos',
  'ad_policy',
  'sensitive_category',
  'final_approval',
] as const;
export type Gate = (typeof GATES)[number];
