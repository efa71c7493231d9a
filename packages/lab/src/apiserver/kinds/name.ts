import { fieldInvalid, fieldRequired } from '../field-error.ts';
import type { Cause } from '../status.ts';
import type { NameRule } from './kind.ts';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;

interface Rule {
  readonly pattern: RegExp;
  readonly limit: number;
  readonly why: string;
}

/** How names look (Kubernetes, Object Names and IDs); the wording is apimachinery's. */
const RULES: Readonly<Record<NameRule, Rule>> = {
  subdomain: {
    pattern: new RegExp(`^${SUBDOMAIN}$`),
    limit: 253,
    why:
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start " +
      `and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`,
  },
  label: {
    pattern: new RegExp(`^${LABEL}$`),
    limit: 63,
    why:
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end " +
      `with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`,
  },
  label1035: {
    pattern: new RegExp(`^${LABEL_1035}$`),
    limit: 63,
    why:
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
      `and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${LABEL_1035}')`,
  },
};

/** Why a text is no name by a rule; undefined when it is one. */
export function nameFault(name: string, rule: NameRule): string | undefined {
  return RULES[rule].pattern.test(name) ? undefined : RULES[rule].why;
}

/** Breaches of a name rule at `field`. */
export function checkName(name: string, rule: NameRule, field: string): readonly Cause[] {
  const { pattern, limit, why } = RULES[rule];
  const causes: Cause[] = [];
  if (name === '') return [fieldRequired(field, 'name or generateName is required')];
  if (name.length > limit) causes.push(fieldInvalid(field, name, `must be no more than ${limit} characters`));
  if (!pattern.test(name)) causes.push(fieldInvalid(field, name, why));
  return causes;
}

/** Breaches of a name rule by the stem of a generated name, which may end where the rest is to come. */
export function checkStem(stem: string, rule: NameRule, field: string): readonly Cause[] {
  if (stem === '') return [];
  const causes = checkName(stem.replace(/-$/, 'a'), rule, field);
  return causes.map(cause => ({
    ...cause,
    message: cause.message.replace(/^Invalid value: "[^"]*"/, `Invalid value: ${JSON.stringify(stem)}`),
  }));
}

const PART = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${PART})?`;
const VALUE = new RegExp(`^${LABEL_VALUE}$`);
const NAME_PART = new RegExp(`^${PART}$`);

/** Why a label value is wrong; empty when it is fine. */
export function labelValueFaults(value: string): readonly string[] {
  return [
    ...(value.length > 63 ? ['must be no more than 63 bytes'] : []),
    ...(VALUE.test(value)
      ? []
      : [
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and " +
            `end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`,
        ]),
  ];
}

/** Why a qualified name (label key, annotation key, finalizer) is wrong; empty when it is fine. */
export function qualifiedNameFaults(name: string): readonly string[] {
  const parts = name.split('/');
  const wording =
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
    `alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${PART}')`;
  if (parts.length > 2)
    return [`${wording} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const last = parts.at(-1) as string;
  const prefix = parts.length === 2 ? parts[0] : undefined;
  const faults: string[] = [];
  if (prefix === '') faults.push('prefix part must be non-empty');
  else if (prefix !== undefined && !RULES.subdomain.pattern.test(prefix))
    faults.push(`prefix part ${RULES.subdomain.why}`);
  if (last === '') faults.push('name part must be non-empty');
  else if (last.length > 63) faults.push('name part must be no more than 63 bytes');
  if (!NAME_PART.test(last)) faults.push(wording.replace('a valid label key', 'name part'));
  return faults;
}
