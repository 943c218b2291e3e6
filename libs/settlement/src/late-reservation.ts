// 2 decide · names the hold of a late result that is taken: made and consumed at once, beside the one that was refunded.

export function lateReservationId(taskId: string): string {
  return `${taskId}.late`;
}
