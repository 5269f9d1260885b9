/** The names of metrics in a PromQL expression: good enough for our own files, which have no functions that look like metrics. */
import { METRICS, type MetricSpec } from '../../src/metrics/names.ts';

const WORDS_OF_PROMQL = new Set(
  (
    'and or unless by without on ignoring group_left group_right offset bool inf nan sum avg min max count group topk ' +
    'bottomk quantile stddev clamp_min clamp_max rate irate increase delta deriv predict_linear time changes resets ' +
    'last_over_time max_over_time min_over_time avg_over_time sum_over_time absent vector scalar round abs sort sort_desc ' +
    'label_join label_replace histogram_quantile'
  ).split(' '),
);

export function metricNames(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const words = bare.match(/[A-Za-z_:][\w:]*/g) ?? [];
  return [...new Set(words.filter((word) => !WORDS_OF_PROMQL.has(word.toLowerCase())))];
}

/** All names under which our metrics have series: a histogram has three. */
export function seriesNames(): string[] {
  return Object.entries<MetricSpec>(METRICS).flatMap(([name, { type }]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
  );
}
