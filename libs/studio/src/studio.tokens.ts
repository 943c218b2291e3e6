// Injection tokens of the studio's own parts.

/** StudioWrites<BriefState>. */
export const BRIEF_WRITES = Symbol('BriefWrites');
/** StudioWrites<PromptState>. */
export const PROMPT_WRITES = Symbol('PromptWrites');
/** StudioWrites<ClipState | null>. */
export const CLIP_WRITES = Symbol('ClipWrites');
/** StudioWrites<BenchmarkState>. */
export const BENCHMARK_WRITES = Symbol('BenchmarkWrites');
