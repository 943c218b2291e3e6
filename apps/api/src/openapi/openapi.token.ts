// The injection token of the OpenAPI document as text: made once at start, served as it is.
export const OPENAPI_TEXT = Symbol('OpenApiText');
