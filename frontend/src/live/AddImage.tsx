/** An image for the text being written: chosen, looked at, described, put in. */
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { api, imageUrl } from "../api";
import { t } from "../strings";
import type { Image, Project } from "../types";
import { IMAGE_TYPES, imageMarkdown, imagesOf } from "./images";

const MEBIBYTE = 2 ** 20;

interface Props {
  project: Project;
  /** What is being written; the images in it are shown. */
  text: string;
  /** An image that was pasted or dropped. */
  given: File | null;
  insert: (markdown: string) => void;
  /** The person thought better of it. */
  left: () => void;
}

export function AddImage({ project, text, given, insert, left }: Props) {
  const [image, setImage] = useState<Image | null>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [alt, setAlt] = useState("");
  const chooser = useRef<HTMLInputElement>(null);
  const words = useRef<HTMLInputElement>(null);

  const refusal = (file: File): string => {
    const most = project.image_max_bytes;
    if (!IMAGE_TYPES.includes(file.type)) return t.live.imageType;
    if (file.size > most) {
      return t.live.imageSize(Math.floor(most / MEBIBYTE), file.size / MEBIBYTE);
    }
    return "";
  };

  const take = async (file: File): Promise<void> => {
    const no = refusal(file);
    setTrouble(no);
    setImage(null);
    if (no) return;
    setBusy(true);
    try {
      setImage(await api.uploadImage(project.slug, file));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  useEffect(() => {
    if (given) void take(given);
    // A file that is given again is another one.
  }, [given]);

  useEffect(() => {
    if (image) words.current?.focus();
  }, [image]);

  const close = (): void => {
    setImage(null);
    setAlt("");
  };

  const put = (): void => {
    if (!image || !alt.trim()) return;
    insert(imageMarkdown(image.sha256, alt));
    close();
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") return put();
    close();
    left();
  };

  return (
    <div className="images">
      <input
        ref={chooser}
        type="file"
        hidden
        accept={IMAGE_TYPES.join()}
        onChange={({ target }) => {
          const file = target.files?.[0];
          // The same file can then be chosen again.
          target.value = "";
          if (file) void take(file);
        }}
      />
      <button
        type="button"
        className="button small"
        disabled={busy}
        onClick={() => chooser.current?.click()}
      >
        {busy ? t.live.imageSending : t.live.image}
      </button>
      <ul className="shown" aria-label={t.live.imagesShown}>
        {imagesOf(text).map(({ sha256, alt: said }) => (
          <li key={sha256}>
            <img src={imageUrl(project.slug, sha256)} alt={said} title={said} />
          </li>
        ))}
      </ul>
      {image && (
        <div className="new-image" role="group" aria-label={t.live.image}>
          <img src={imageUrl(project.slug, image.sha256)} alt={t.live.imageNew} />
          <label>
            {t.live.imageAlt}
            <input
              ref={words}
              type="text"
              dir="auto"
              maxLength={300}
              value={alt}
              onChange={({ target }) => setAlt(target.value)}
              onKeyDown={onKeyDown}
            />
          </label>
          <button type="button" className="button small" disabled={!alt.trim()} onClick={put}>
            {t.live.imagePut}
          </button>
          <button
            type="button"
            className="button small plain"
            onClick={() => {
              close();
              left();
            }}
          >
            {t.live.imageLeave}
          </button>
        </div>
      )}
      <p className="trouble" role="alert">
        {trouble}
      </p>
    </div>
  );
}
