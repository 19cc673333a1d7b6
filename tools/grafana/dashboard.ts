// What a file of grafana/dashboards may hold: the types of Grafana, as JSON has them, and those of our two kinds of queries.
import type { Dashboard as AnyDashboard, FieldConfigSource, Panel as AnyPanel, RowPanel } from '@grafana/schema';
import type * as BarChart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A value as JSON has it: an enum of strings is one of its strings. */
type Json<T> = 0 extends 1 & T
  ? unknown
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends Array<infer Item>
        ? Json<Item>[]
        : { [Key in keyof T]: Json<T[Key]> };

interface Source<Plugin extends string, Uid extends string> {
  type: Plugin;
  uid: Uid;
}
type Prometheus = Source<'prometheus', '${prometheus}'>;
type PostgreSql = Source<'grafana-postgresql-datasource', '${postgres}'>;

interface PromQl {
  refId: string;
  datasource: Prometheus;
  editorMode: 'code';
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  format?: 'table' | 'time_series';
}

interface Sql {
  refId: string;
  datasource: PostgreSql;
  editorMode: 'code';
  format: 'table' | 'time_series';
  rawQuery: true;
  rawSql: string;
}

type Queries = { datasource: Prometheus; targets: PromQl[] } | { datasource: PostgreSql; targets: Sql[] };

/** A panel of one plugin, with the options and the fields that this plugin has. */
type Of<Type extends string, Options, Fields> = Json<Omit<AnyPanel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource'>> &
  Queries & {
    type: Type;
    title: string;
    description: string;
    options: Json<Options>;
    fieldConfig: Json<FieldConfigSource<Partial<Fields>>>;
  };

type Panel =
  | Json<RowPanel>
  | Of<'barchart', BarChart.Options, BarChart.FieldConfig>
  | Of<'bargauge', BarGauge.Options, object>
  | Of<'stat', Stat.Options, object>
  | Of<'table', Table.Options, Table.FieldConfig>
  | Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>;

export type Dashboard = Json<Omit<AnyDashboard, 'panels'>> & { uid: string; title: string; panels: Panel[] };
