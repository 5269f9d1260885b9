import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,property,golden,faults,issues}/**/*.test.ts'],
          testTimeout: 20_000,
          // A process for each of 200 files takes longer than their tests. What outlives a test here is memos, which change no result.
          isolate: false,
          // One is what a machine with two cores gets without a number: what waits for real timers and sockets has the other core.
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          globalSetup: ['test/lab/global-setup.ts'],
        },
      },
    ],
  },
});
