/**
 * How requests are judged by their schemas, and answers written. TypeBox, which checks the configuration anyway, stands in for
 * Fastify's own compilers: those generate code for every schema of every listener, which took half of the start and 20 MB.
 */
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { AgentError } from '../../lib/errors.ts';

/** Tells where the mistake is, e.g. `body/limitBytes must be string`. */
class InvalidRequestError extends Error {
  readonly statusCode = 400;
  /** By this, errors.ts knows that a schema was not met. */
  readonly validation: readonly unknown[];

  constructor(message: string, validation: readonly unknown[]) {
    super(message);
    this.validation = validation;
  }
}

/** Takes what the schema says and nothing else: 5 is not "5", and unknown members are a mistake where the schema closes. */
export const compileValidator: FastifySchemaCompiler<TSchema> =
  ({ schema, httpPart }) =>
  (data) => {
    if (Check(schema, data)) return { value: data };
    const errors = Errors(schema, data);
    // That a member is not known is told twice, first by its name and without words.
    const [first] = errors;
    const where = `${httpPart ?? 'request'}${first?.instancePath ?? ''}`;
    const what = first?.keyword === 'boolean' ? 'is not known here' : first?.message;
    return { error: new InvalidRequestError(`${where} ${what}`, errors) };
  };

/** Views are typed by the same schemas; writing them needs no second opinion. */
export const compileSerializer: FastifySerializerCompiler<TSchema> = () => (data) => JSON.stringify(data);

/** In place of the makers of Fastify's own compilers, so that those are not even loaded. */
export function notNeeded(): never {
  throw new AgentError('Internal', 'the server has compilers of its own');
}
