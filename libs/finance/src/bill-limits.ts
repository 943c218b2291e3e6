// Finance · how much of a bill is taken at once; one place, because the documents quote it.

export const RECORD_BYTES_MAX = 65_536;
export const REJECTED_SHOWN_MAX = 1_000;
/** Lines a batch of facts. */
export const LINES_PER_APPEND = 500;
/** Lines on their way from the body into the database. */
export const LINES_PER_STAGING = 2_000;
export const BILL_BYTES_MAX = 1_073_741_824;
