import { AGE, column, type PrinterColumn } from './kind.ts';
import { policyRules } from './policy-rule.ts';
import { type CelRule, choice, flag, list, number, selector, text } from './property.ts';

/** What all tiered policies of Calico have. */
export const tieredParts = {
  tier: text('Tier that the policy belongs to').default('default'),
  order: number('Place within the tier: lower first, equals by name', 'last').optional(),
  selector: selector('Endpoints that the policy applies to', 'all()').optional(),
  serviceAccountSelector: selector('Service accounts of those endpoints', 'any').optional(),
  types: list(choice(['Ingress', 'Egress'], 'A direction'), 'Directions that the policy isolates', {
    min: 1,
    max: 2,
    usual: 'the directions that have rules; Ingress when none has',
  }).optional(),
  ingress: policyRules('ingress'),
  egress: policyRules('egress'),
  performanceHints: list(
    choice(['AssumeNeededOnEveryNode'], 'A hint'),
    'Hints that change speed but no meaning',
    { type: 'set' },
  ).optional(),
};

/** What global policies have besides. */
export const globalParts = {
  namespaceSelector: selector(
    'Namespaces of the endpoints that the policy applies to',
    'any, and none',
  ).optional(),
  applyOnForward: flag('Host endpoints: also for traffic that is forwarded', 'false').optional(),
  doNotTrack: flag(
    'Host endpoints only: before connection tracking, and what is allowed is not tracked',
    'false',
  ).optional(),
  preDNAT: flag('Host endpoints only: before destinations are translated', 'false').optional(),
};

/** `global()` is for a rule's namespaceSelector; untracked and pre-DNAT policies are about forwarded host traffic. */
export const globalRules: readonly CelRule[] = [
  {
    rule: '!(has(self.doNotTrack) && self.doNotTrack && has(self.preDNAT) && self.preDNAT)',
    message: 'doNotTrack and preDNAT may not both be true',
  },
  {
    rule: '!(has(self.doNotTrack) && self.doNotTrack || has(self.preDNAT) && self.preDNAT) || has(self.applyOnForward) && self.applyOnForward',
    message: 'doNotTrack and preDNAT need applyOnForward: true',
  },
  {
    rule: '!(has(self.preDNAT) && self.preDNAT) || !has(self.egress) || size(self.egress) == 0',
    message: 'a preDNAT policy may not have egress rules',
  },
];

/** What the staged kinds have besides. */
export const stagedParts = {
  stagedAction: choice(
    ['Set', 'Delete', 'Learn', 'Ignore'],
    'What enforcing it would do: Set it, Delete the enforced policy of this name; Ignore leaves it out of evaluation',
  ).default('Set'),
};

export const TIER_COLUMN = column('Tier', '.spec.tier', 'Tier of the policy');
export const ORDER_COLUMN = column('Order', '.spec.order', 'Place within the tier', 'number');
export const GLOBAL_COLUMNS: readonly PrinterColumn[] = [TIER_COLUMN, ORDER_COLUMN, AGE];
export const SELECTABLE: readonly string[] = ['.spec.tier'];
