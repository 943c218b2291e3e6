// 2 decide · why a clip was not good enough: the words of the log, which every rejection must choose from.
export const REJECTION_REASONS = [
  'artifact_or_distortion',
  'product_detail_wrong',
  'brand_mismatch',
  'too_generic',
  'prompt_not_followed',
  'rights_or_likeness_risk',
  'unsafe_or_policy_risk',
  'needs_editing',
  'other',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];
