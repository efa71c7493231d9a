import type { RouteDriver } from '@muslin/linux';
import { formatPrefix } from '@muslin/net';
import { type LinkWay, linkWays } from './core/link-way.ts';

/** The ways of the node's own interfaces, read while somebody asks for them. */
export class Links {
  readonly #driver: Pick<RouteDriver, 'read'>;
  readonly #onChange: () => void;
  #ways: readonly LinkWay[] = [];
  #text = '';

  constructor(driver: Pick<RouteDriver, 'read'>, onChange: () => void) {
    this.#driver = driver;
    this.#onChange = onChange;
  }

  get ways(): readonly LinkWay[] {
    return this.#ways;
  }

  /** Reads them when they are asked for, and tells when they differ from what was known. */
  async follow(asked: boolean): Promise<void> {
    if (!asked) return;
    const kernel = await this.#driver.read();
    if (!kernel.ok) return;
    const ways = linkWays(kernel.value);
    const text = ways.map(({ to, interfaceName }) => `${formatPrefix(to)} ${interfaceName}`).join();
    if (text === this.#text) return;
    this.#ways = ways;
    this.#text = text;
    this.#onChange();
  }
}
