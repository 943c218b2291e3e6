// The demo's own check of the books serves the tests as well.
export { booksOf } from '../../demo/books.js';
