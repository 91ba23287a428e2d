import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { Fault, Problem } from '../lib/api';

interface FieldProps {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: (ids: { id: string; describedBy: string | undefined; invalid: boolean }) => ComponentChildren;
}

/** A label, its control, a hint, and what is wrong with it. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const parts = [hint && id + 'h', error && id + 'e'].filter(Boolean).join(' ');
  return (
    <div class={error ? 'field wrong' : 'field'}>
      <label for={id}>{label}</label>
      {children({ id, describedBy: parts || undefined, invalid: !!error })}
      {hint && (
        <p class="hint" id={id + 'h'}>
          {hint}
        </p>
      )}
      {error && (
        <p class="fault" id={id + 'e'}>
          {error}
        </p>
      )}
    </div>
  );
}

interface InputProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string | undefined;
  error?: string | undefined;
  type?: string;
  placeholder?: string | undefined;
  disabled?: boolean;
  required?: boolean;
  focus?: boolean;
  mono?: boolean;
  rows?: number; // more than one line
  list?: string[]; // suggestions
  autocomplete?: string;
}

export function Input(p: InputProps) {
  const listId = useId();
  return (
    <Field label={p.label} hint={p.hint} error={p.error}>
      {({ id, describedBy, invalid }) => {
        const common = {
          id,
          value: p.value,
          disabled: p.disabled,
          required: p.required,
          placeholder: p.placeholder,
          class: p.mono ? 'mono' : undefined,
          spellcheck: false,
          autofocus: p.focus,
          'aria-describedby': describedBy,
          'aria-invalid': invalid || undefined,
          onInput: (e: Event) => p.onInput((e.currentTarget as HTMLInputElement).value),
        };
        if (p.rows) return <textarea {...common} rows={p.rows} />;
        return (
          <>
            <input
              {...common}
              type={p.type ?? 'text'}
              list={p.list ? listId : undefined}
              autocomplete={p.autocomplete ?? 'off'}
              autocapitalize="off"
            />
            {p.list && (
              <datalist id={listId}>
                {p.list.map((v) => (
                  <option key={v} value={v} />
                ))}
              </datalist>
            )}
          </>
        );
      }}
    </Field>
  );
}

/**
 * An Input whose value is no text: it is read from what is typed. What is typed stays as it is, so that a list may end in a
 * comma, and a number in a point, while it is written.
 */
export function Parsed<T>({
  value,
  read,
  write,
  onChange,
  ...rest
}: Omit<InputProps, 'value' | 'onInput'> & {
  value: T;
  read: (text: string) => T;
  write: (value: T) => string;
  onChange: (value: T) => void;
}) {
  const [typed, setTyped] = useState('');
  const shown = write(read(typed)) === write(value) ? typed : write(value);
  return (
    <Input
      {...rest}
      value={shown}
      onInput={(text) => {
        setTyped(text);
        onChange(read(text));
      }}
    />
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: [value: string, label: string][];
  onChange: (value: string) => void;
  hint?: string | undefined;
  error?: string | undefined;
  disabled?: boolean;
}

export function Select(p: SelectProps) {
  return (
    <Field label={p.label} hint={p.hint} error={p.error}>
      {({ id, describedBy, invalid }) => (
        <select
          id={id}
          value={p.value}
          disabled={p.disabled}
          aria-describedby={describedBy}
          aria-invalid={invalid || undefined}
          onChange={(e) => p.onChange(e.currentTarget.value)}
        >
          {p.options.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function Check({
  label,
  checked,
  onChange,
  disabled,
}: {
  label: string;
  checked: boolean;
  onChange: (to: boolean) => void;
  disabled?: boolean;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(e) => onChange(e.currentTarget.checked)}
      />
      <span>{label}</span>
    </label>
  );
}

/** One of a few choices, all of them in sight. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: [T, string][];
  onChange: (to: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([v, words]) => (
        <label key={v}>
          <input type="radio" name={name} checked={v === value} onChange={() => onChange(v)} />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}

/**
 * Sorts a refusal to the fields of a form. of returns the words for the field at a location such as body.title, or
 * for anything within it; rest is what no field of the form has asked for.
 */
export function faultsOf(error: Problem | null): Faults {
  const asked = new Set<Fault>();
  // What has no usable name is at its place in a list of the project: it is the one that was sent.
  const place = (f: Fault) => f.location.replace(/^(providers\.[A-Za-z_]\w*\.)?[a-z]+\.\d+(?=\.|$)/, 'body');
  const words = (fits: (at: string) => boolean) => {
    const found = error?.faults.filter((f) => fits(place(f))) ?? [];
    for (const f of found) asked.add(f);
    return found.length ? found.map((f) => f.message).join('; ') : undefined;
  };
  return {
    of: (...locations) => words((at) => locations.some((l) => at === l || at.startsWith(l + '.'))),
    self: (...locations) => words((at) => locations.includes(at)),
    rest() {
      if (!error) return [];
      if (error.faults.length === 0) return [error.message];
      return error.faults
        .filter((f) => !asked.has(f))
        .map((f) => (f.location ? `${f.location}: ${f.message}` : f.message));
    },
  };
}

export interface Faults {
  of: (...locations: string[]) => string | undefined;
  self: (...locations: string[]) => string | undefined; // of nothing within them
  rest: () => string[];
}
