// Writes schema.d.ts from the server's document.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';

const document = JSON.parse(
  readFileSync(new URL('../../docs/openapi/openapi.json', import.meta.url), 'utf8'),
);
const tree = await openapiTS(document, { emptyObjectsUnknown: true, defaultNonNullable: false });
writeFileSync(new URL('schema.d.ts', import.meta.url), COMMENT_HEADER + astToString(tree));
