// Why a process could not start, in one sentence for the person who started it; mains print it and exit non-zero, without a stack.
export class StartupError extends Error {
  override readonly name = 'StartupError';
}
