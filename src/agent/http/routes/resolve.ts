import { Type } from 'typebox';
import {
  changelogChangeSchema,
  nameRemovalSchema,
  resolutionSchema,
  resolveRequestSchema,
} from '../resolve-schemas.ts';
import type { ResolveService } from '../services.ts';
import type { Server } from '../server.ts';
import { allowSilence, auditLine, changeDeadline, withProblems } from './shared.ts';

const tags = ['heal'];

export function resolveRoutes(server: Server, resolve: ResolveService): void {
  server.post(
    '/v1/heal/resolve',
    {
      schema: {
        tags,
        summary: 'Ends a split-brain: shows what would be done, or does it when the plan is named.',
        body: resolveRequestSchema,
        response: withProblems({ 200: resolutionSchema }, 404, 409, 422, 501, 503, 504),
      },
    },
    async (request) => {
      allowSilence(request);
      const view = await resolve.resolve(request.body);
      const { plan, results } = view;
      if (results !== null)
        auditLine(request, { action: 'ResolveSplitBrain', plan, policy: request.body.policy, results });
      return view;
    },
  );

  server.post(
    '/v1/peer/heal/crawl',
    {
      schema: {
        tags,
        summary: 'For the agents of the other bricks: has the self-heal daemon of this pod crawl the index now.',
        response: withProblems({ 200: Type.Object({ asked: Type.Literal(true) }) }, 409, 501, 503, 504),
      },
    },
    async () => {
      await resolve.crawl(changeDeadline());
      return { asked: true as const };
    },
  );

  server.post(
    '/v1/peer/heal/changelog',
    {
      schema: {
        tags,
        summary: 'For the agents of the other bricks: changes the counters of a copy, if they still are as expected.',
        body: changelogChangeSchema,
        response: withProblems({ 200: Type.Object({ changed: Type.Literal(true) }) }, 409, 422, 501, 503, 504),
      },
    },
    async (request) => {
      await resolve.change(request.body, changeDeadline());
      auditLine(request, { action: 'ChangeChangelog', gfid: request.body.gfid, child: request.body.child });
      return { changed: true as const };
    },
  );

  server.post(
    '/v1/peer/heal/name',
    {
      schema: {
        tags,
        summary:
          'For the agents of the other bricks: removes a name from this one, if all bricks confirm that it is in split-brain.',
        body: nameRemovalSchema,
        response: withProblems({ 200: Type.Object({ removed: Type.Literal(true) }) }, 409, 422, 501, 503, 504),
      },
    },
    async (request) => {
      await resolve.removeName(request.body, changeDeadline());
      auditLine(request, { action: 'RemoveName', gfid: request.body.gfid, parent: request.body.parent });
      return { removed: true as const };
    },
  );
}
