import type { Verb } from '../verb.ts';

/** Each shell asks the hidden verb for the words; `%s` is the name that the program was installed under. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_muslinctl() {
  local IFS=$'\\n'
  COMPREPLY=($(muslinctl __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && compopt -o default
  return 0
}
complete -F _muslinctl muslinctl
`,
  zsh: `#compdef muslinctl
_muslinctl() {
  local -a lines
  lines=("\${(@f)$(muslinctl __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  lines=("\${(@)lines:#}")
  if (( \${#lines} )); then
    _describe muslinctl "\${(@)lines//$'\\t'/:}"
  else
    _files
  fi
}
compdef _muslinctl muslinctl
`,
  fish: `function __muslinctl_complete
  set -l words (commandline -opc) (commandline -ct)
  muslinctl __complete -- $words[2..-1] 2>/dev/null
end
complete -c muslinctl -a '(__muslinctl_complete)'
`,
};

/** The script that a shell loads. */
export const completion: Verb = {
  name: 'completion',
  args: '<shell>',
  options: [],
  summary: 'print the completion script for bash, zsh or fish',
  examples: [
    'source <(muslinctl completion bash)',
    'muslinctl completion zsh > ~/.zfunc/_muslinctl',
    'muslinctl completion fish > ~/.config/fish/completions/muslinctl.fish',
  ],
  async run(ctx, input) {
    const shell = input.args[0] ?? '';
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined)
      return ctx.fail(2, `completion is there for bash, zsh and fish, not for ${shell}`);
    ctx.stdout(script);
    return 0;
  },
};
